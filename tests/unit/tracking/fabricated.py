"""A results folder as the workflow leaves it, with numbers that are easy to recognise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hps_bench.cell import Cell
from hps_bench.config import Experiment
from hps_bench.records import write_json, write_rows
from hps_bench.schemas import EVALUATION, PROMPTS, SAMPLES
from hps_bench.tracking.journal import RunJournal
from hps_bench.tracking.settings import TrackedExperiment, TrackSettings

PROMPT_COUNT = 3
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)
"""One red pixel."""


def cell(method: str = "hps", data_set: str = "pku", on: str | None = None, **axes: Any) -> Cell:
    """A cell of reward DPO."""
    given: dict[str, Any] = {"responses": 20, "beta": 0.1, "seed": 0, **axes}
    return Cell("dpo", method, data_set, on or data_set, **given)


def experiment(methods: Sequence[str], **axes: Any) -> Experiment:
    """An experiment with reward DPO, on pku unless told."""
    given: dict[str, Any] = {"rewards": ["dpo"], "datasets": ["pku"], "responses": [20], **axes}
    return Experiment(methods=list(methods), **given)


def write_grid(results: Path, experiments: Mapping[str, Experiment]) -> None:
    """Write everything that an upload reads: journals, evaluations, what shows the whole grid."""
    settings = write_settings(results, experiments)
    cells = list(dict.fromkeys(cell for these in settings.cells.values() for cell in these))
    for name in dict.fromkeys(cell.evaluated_on for cell in cells):
        write_prompts(results, name)
        write_evaluation(results, f"{name}/sft", name, {"reward": "none", "method": "sft"}, 0)
    for policy in {cell.policy_path: cell for cell in cells}.values():
        write_training(results, policy)
    for number, one in enumerate(cells, start=1):
        write_evaluation(results, one.evaluation_path, one.evaluated_on, one.axes, number)
    for path in ("index.html", "tables/table2.csv", "tables/table2.html", "report/report.pdf"):
        (results / path).parent.mkdir(exist_ok=True)
        (results / path).write_text(f"<p>{path}</p>")
    (results / "figures").mkdir()
    (results / "figures/margins.png").write_bytes(PNG)


def write_settings(results: Path, experiments: Mapping[str, Experiment]) -> TrackSettings:
    """Write what the workflow tells the upload, of the data sets hh and pku."""
    shown = [TrackedExperiment(name=name, axes=axes) for name, axes in experiments.items()]
    settings = TrackSettings(data_sets=["hh", "pku"], experiments=shown)
    write_json(results / "settings/track.json", settings.model_dump())
    return settings


def write_training(results: Path, policy: Cell) -> None:
    """Write a policy's journal of three steps, its manifest and its card."""
    key = f"policies/{policy.policy_path}"
    plan = f"plans/{policy.trained_on}/{policy.method}/plan.parquet"
    inputs = {f"{results.parent.name}/{results.name}/{plan}": "ab" * 32}
    write_json(results / key / "manifest.json", {"inputs": inputs})
    (results / key / "README.md").write_text(f"card of {policy.policy_path}")
    with RunJournal(results, key, {"stage": "train", **policy.axes}) as run:
        for step in (1, 2, 3):
            run.log(step, {"loss": 1 / step, "rewards/margins": step})
        run.figures({"last_loss": 1 / 3, "steps": 3})


def write_evaluation(
    results: Path, path: str, evaluated_on: str, axes: Mapping[str, Any], number: int
) -> None:
    """Write an evaluation whose rewards and margins are the number, and its journal."""
    folder = results / "evaluations" / path
    samples = [
        {
            "prompt_id": f"p{prompt}",
            "sample_index": index,
            "text": f"answer {number} to p{prompt}, sample {index}",
            "token_count": 4,
            "finish_reason": "stop",
            "reward": float(number),
        }
        for prompt in range(PROMPT_COUNT)
        for index in range(2)
    ]
    records = [{"prompt_id": f"p{p}", "rm_dpo": number + p / 10} for p in range(PROMPT_COUNT)]
    write_rows(folder / "samples.parquet", samples, SAMPLES)
    write_rows(folder / "records.parquet", records, EVALUATION)
    prompts = f"{results.parent.name}/{results.name}/prompts/{evaluated_on}/prompts.parquet"
    write_json(folder / "manifest.json", {"inputs": {prompts: "cd" * 32}})
    params = {"stage": "evaluate", **axes, "evaluated_on": evaluated_on}
    with RunJournal(results, f"evaluations/{path}", params) as run:
        run.figures({"reward_best": number, "rm_dpo": number + 0.1})


def write_prompts(results: Path, data_set: str) -> None:
    """Write test prompts, one of them a conversation, and one training prompt."""
    questions = [{"role": "user", "content": f"question {n} of {data_set}?"} for n in range(4)]
    turns = [questions[0], {"role": "assistant", "content": "why?"}, questions[0]]
    rows = [
        {
            "prompt_id": f"p{n}",
            "split": "train" if n == PROMPT_COUNT else "test",
            "messages": turns if n == 0 else [question],
            "chosen": f"human answer {n}",
            "rejected": "no",
            "location": "here",
        }
        for n, question in enumerate(questions)
    ]
    write_rows(results / "prompts" / data_set / "prompts.parquet", rows, PROMPTS)
