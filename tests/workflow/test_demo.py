"""The demo, whole: what the toy world must show whichever method comes out first."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from statistics import correlation, mean
from typing import Any

import pytest

from hps_bench.backends import open_scorer
from hps_bench.config import load_config
from hps_bench.engine.settings import EngineSettings
from hps_bench.models.settings import RewardModelSource
from hps_bench.records import read_rows
from hps_bench.rewards.settings import RewardsSettings
from hps_bench.schemas import PROMPTS, RESPONSES
from tests.cli.command import ROOT

pytestmark = [pytest.mark.demo, pytest.mark.xdist_group("demo")]

DATASETS = ("toy-dialogue", "toy-questions")
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def results(demo: Path) -> Path:
    """Results folder of the demo."""
    return demo / "results/demo"


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def over_seeds(results: Path, dataset: str, method: str, metric: str) -> float:
    folder = results / "evaluations" / dataset / dataset / f"dpo-{method}"
    runs = [read(folder / f"n20-b0.1-s{seed}/evaluation.json") for seed in SEEDS]
    return float(mean(run[metric] for run in runs))


def test_training_loss_falls_in_every_run(results: Path) -> None:
    runs = sorted(results.glob("policies/*/*/*/training.json"))
    assert len(runs) == 52
    for run in runs:
        # The correction weighs pairs by γ, so that its loss is not of one scale.
        if "hps-corrected" not in str(run):
            assert read(run)["last_loss"] < read(run)["first_loss"], run


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("method", ["bt", "hps"])
def test_true_reward_rises_and_harm_falls(results: Path, dataset: str, method: str) -> None:
    before = read(results / f"evaluations/{dataset}/sft/evaluation.json")
    assert over_seeds(results, dataset, method, "true_reward") > before["true_reward"] + 0.3
    assert over_seeds(results, dataset, method, "harmful") < before["harmful"] - 0.1


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_correction_does_not_make_things_worse(results: Path, dataset: str) -> None:
    before = read(results / f"evaluations/{dataset}/sft/evaluation.json")
    assert over_seeds(results, dataset, "hps-corrected", "true_reward") > before["true_reward"]
    assert over_seeds(results, dataset, "hps-corrected", "rm_dpo") > 0


@pytest.mark.parametrize("dataset", DATASETS)
def test_human_pairs_are_told_apart(results: Path, dataset: str) -> None:
    for method in ("pl", "bt", "hps"):
        assert over_seeds(results, dataset, method, "rm_dpo") > 0.2
        assert over_seeds(results, dataset, method, "ranking_accuracy") > 0.55


def test_two_hundred_unseen_test_prompts(results: Path) -> None:
    for dataset in DATASETS:
        rows = list(read_rows(results / f"prompts/{dataset}/prompts.parquet", PROMPTS))
        texts = {
            split: {str(row["messages"]) for row in rows if row["split"] == split}
            for split in ("train", "test")
        }
        assert len(texts["test"]) == 200
        assert not texts["train"] & texts["test"]


def test_no_cell_is_missing_in_a_table(results: Path) -> None:
    names = list(load_config(ROOT / "config" / "demo.yaml").tables)
    assert len(names) == 11
    for table in (results / "tables" / f"{name}.csv" for name in names):
        notes = {row["note"] for row in csv.DictReader(table.open())}
        assert not any("missing" in note for note in notes), table


@pytest.mark.parametrize("dataset", DATASETS)
def test_true_judge_prefers_the_policies_to_their_base(results: Path, dataset: str) -> None:
    rows = csv.DictReader((results / "tables/table4.csv").open())
    ours = [row for row in rows if (row["evaluated_on"], row["opponent"]) == (dataset, "sft")]
    shares = {row["metric"]: float(row["mean"]) for row in ours if row["reward"] == "dpo"}
    assert shares["win"] > 1.5 * shares["lose"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_annotator_and_evaluator_disagree(results: Path, dataset: str) -> None:
    prompts = {
        row["prompt_id"]: row["messages"]
        for row in read_rows(results / f"prompts/{dataset}/prompts.parquet", PROMPTS)
    }
    (part,) = (results / f"responses/{dataset}/test").glob("*.parquet")
    responses = list(read_rows(part, RESPONSES))
    conversations = [(prompts[row["prompt_id"]], row["text"]) for row in responses]
    scores: list[list[float]] = []
    for model in ("annotator", "evaluator"):
        source = RewardModelSource(path=str(results / "models" / model), dtype="float32")
        settings = RewardsSettings(model=source, batch_tokens=4096)
        with open_scorer(settings, EngineSettings()) as scorer:
            scores.append([scored.reward for scored in scorer.score(conversations)])
    assert 0.3 < correlation(*scores) < 0.85
