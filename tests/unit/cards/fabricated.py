"""Policies, evaluations and data sets as their stages leave them, with known numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hps_bench.cards.settings import CardsJob
from hps_bench.cell import Cell
from hps_bench.evaluation.settings import EvaluateSettings
from hps_bench.integrity import seal_folder
from hps_bench.models.settings import ModelSource, RewardModelSource
from hps_bench.plan.settings import METHODS, PlanSettings
from hps_bench.prompts.settings import DatasetSettings, FileSource, HubSource, ToySource
from hps_bench.prompts.stage import build_prompts
from hps_bench.provenance import Manifest
from hps_bench.records import write_json
from hps_bench.rewards.settings import RewardsSettings
from hps_bench.training.settings import Lora, LossSettings, Optimiser, TrainSettings
from tests.unit.tables.fabricated import SETTINGS, write_evaluation, write_training

HUB = DatasetSettings(
    format="hh-rlhf",
    source=HubSource(
        hub="Anthropic/hh-rlhf", revision="main", splits={"train": "train", "test": "test"}
    ),
)
FILES = DatasetSettings(format="hh-rlhf", source=FileSource.model_validate({"files": ["*.gz"]}))
TOY = DatasetSettings(
    format="toy",
    source=ToySource(toy="dialogue", pairs=60, seed=1),
    validation_fraction=0,
    test_fraction=0.2,
    test_limit=3,
)
LORA = Lora()
SFT = ModelSource(path="RLHFlow/Llama3-SFT-v2.0-epoch3", revision="main")


def job(
    *cells: Cell,
    datasets: Mapping[str, DatasetSettings] = MappingProxyType({}),
    generator: str = "generator",
) -> CardsJob:
    """The cells of a grid, on data sets of HH-RLHF's form unless said otherwise."""
    names = {name for cell in cells for name in (cell.trained_on, cell.evaluated_on)}
    return CardsJob(
        cells=list(cells),
        datasets=dict.fromkeys(sorted(names), HUB) | dict(datasets),
        generator=ModelSource(path=generator),
        annotator=ModelSource(path="annotator"),
        statistics=SETTINGS,
    )


def write_policy(
    results: Path,
    cell: Cell,
    model: ModelSource = SFT,
    lora: Lora | None = LORA,
    **training: Any,
) -> Path:
    """Write what training leaves of a policy, with a weights file of a few bytes."""
    folder = results / "policies" / cell.policy_path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / Optimiser(lora=lora).weights_name).write_bytes(b"weights")
    (folder / "README.md").write_text("boilerplate\n")
    seal_folder(folder)
    settings = TrainSettings(
        model=model,
        optimiser=Optimiser(lora=lora),
        loss=LossSettings(name=cell.reward, function="hps_bench.losses.dpo:comparison"),
    )
    plan = PlanSettings(method=METHODS["hps"])
    name = f"plans/{cell.trained_on}/{cell.method}/n{cell.responses}-s{cell.seed}/manifest.json"
    Manifest("plan", plan.model_dump(mode="json"), []).write(results / name)
    write_training(results, cell, 0.01, **{"first_loss": 0.75, "last_loss": 0.5} | training)
    Manifest("train", settings.model_dump(mode="json"), []).write(folder / "manifest.json")
    return folder


def write_evaluated(
    results: Path, cell: Cell, prompts: Sequence[str] = ("a", "b"), **metrics: Any
) -> None:
    """Write what the evaluation of the policy as it is now leaves."""
    write_evaluation(results, cell.evaluation_path, prompts, **metrics)
    settings = EvaluateSettings(
        model=SFT,
        evaluator=RewardsSettings(model=RewardModelSource(path="evaluator")),
    )
    summary = results / "policies" / cell.policy_path / "training.json"
    manifest = Manifest("evaluate", settings.model_dump(mode="json"), [summary])
    manifest.write(results / "evaluations" / cell.evaluation_path / "manifest.json")


def write_prompts(results: Path, name: str, settings: DatasetSettings = TOY) -> Path:
    """Run the prompts stage of a data set."""
    folder = results / "prompts" / name
    manifest = Manifest("prompts", settings.model_dump(mode="json"), [])
    manifest.write(folder / "manifest.json", **build_prompts(settings, folder))
    return folder


def write_summary(folder: Path, settings: DatasetSettings, **counts: Any) -> None:
    """Write the counts of a data set, and no prompts."""
    none = dict.fromkeys(("train", "validation", "test"), 0)
    dropped = dict.fromkeys(("over_long", "leaking", "duplicates", "further_pairs"), 0)
    summary = {"rows_read": 0, "malformed": {}, "over_limit": none, "kept": none, **dropped}
    write_json(folder / "summary.json", summary | counts)
    if not (folder / "manifest.json").is_file():
        (folder / "prompts.parquet").write_bytes(b"rows")
        Manifest("prompts", settings.model_dump(mode="json"), []).write(folder / "manifest.json")
