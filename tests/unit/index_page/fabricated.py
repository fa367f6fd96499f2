"""Results of a small grid, as the stages before would have written them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import yaml

from hps_bench.config import Config
from hps_bench.grid import grid
from hps_bench.paper_comparison.stage import write_comparison
from hps_bench.records import atomic_path, write_json, write_rows
from hps_bench.schemas import PROMPTS, SAMPLES
from hps_bench.tables.stage import write_table
from hps_bench.workflow import Workflow
from tests.cli.command import TINY
from tests.unit.tables.fabricated import write_evaluation, write_training

DIALOGUE, QUESTIONS = "toy-dialogue", "toy-questions"
PROMPTS_EACH = 3
SAMPLES_EACH = 2
FIGURE = "margin-distributions"


def small_config(**changed: Any) -> Config:
    """Two data sets; dpo and sppo with bt and hps at seeds 0 and 1, and dpo transferred.

    16 cells of fine-tuning, 4 of transfer, and the SFT model on two test sets.
    """
    values = yaml.safe_load(TINY.read_text())
    questions = {**values["datasets"][DIALOGUE], "source": {"toy": "questions", "pairs": 60}}
    values["datasets"] = {DIALOGUE: values["datasets"][DIALOGUE], QUESTIONS: questions}
    fine_tuning = {
        "rewards": ["dpo", "sppo"],
        "methods": ["bt", "hps"],
        "datasets": [DIALOGUE, QUESTIONS],
        "responses": [4],
        "seeds": [0, 1],
    }
    transfer = {**fine_tuning, "rewards": ["dpo"], "seeds": [0], "evaluate_on": "others"}
    values["experiments"] = {"fine-tuning": fine_tuning, "transfer": transfer}
    values["tables"] = {"table2": ["fine-tuning"], "table6": ["fine-tuning"]}
    values["figures"] = {FIGURE: ["fine-tuning"]}
    return Config.model_validate(values | changed)


def sample(prompt: str, index: int, text: str, reward: float, **known: Any) -> dict[str, Any]:
    """A row of schema ``SAMPLES``."""
    row = dict.fromkeys(SAMPLES.names) | {
        "prompt_id": prompt,
        "sample_index": index,
        "text": text,
        "token_count": 3,
        "finish_reason": "stop",
        "reward": reward,
    }
    return row | known


def prompt_row(prompt: str, text: str) -> dict[str, Any]:
    """A row of schema ``PROMPTS``."""
    return {
        "prompt_id": prompt,
        "split": "test",
        "messages": [{"role": "user", "content": text}],
        "chosen": f"chosen for {prompt}",
        "rejected": f"rejected for {prompt}",
        "location": "x",
    }


def write_prompts(results: Path, dataset: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write prompts with the summary of their stage."""
    folder = results / "prompts" / dataset
    write_rows(folder / "prompts.parquet", rows, PROMPTS)
    write_json(folder / "summary.json", {"kept": {"train": 40, "test": len(rows)}})


def write_samples(results: Path, path: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write samples of one evaluation."""
    write_rows(results / "evaluations" / path / "samples.parquet", rows, SAMPLES)


def evaluate(results: Path, path: str, said: str, reward: float) -> None:
    """Write an evaluation whose samples say the same to each prompt; the second is better."""
    means = {"reward_best": reward, "rm_dpo": reward / 2}
    write_evaluation(results, path, **means)
    write_json(results / "evaluations" / path / "evaluation.json", means)
    rows = [
        sample(f"p{place}", index, f"{said} to p{place}, sample {index}", reward + index)
        for place in range(PROMPTS_EACH)
        for index in range(SAMPLES_EACH)
    ]
    write_samples(results, path, rows)


def finished(results: Path, config: Config) -> None:
    """Write results of every cell, with tables and one figure."""
    for dataset in config.datasets:
        rows = [prompt_row(f"p{k}", f"question {k} of {dataset}") for k in range(PROMPTS_EACH)]
        write_prompts(results, dataset, rows)
        evaluate(results, f"{dataset}/sft", "sft speaks", 0.5)
    for place, cell in enumerate(grid(config)):
        evaluate(results, cell.evaluation_path, f"{cell.policy} seed {cell.seed} speaks", 1 + place)
        write_training(results, cell, 0.1)
    suite = Workflow(config)
    for name in config.tables:
        write_table(name, suite.table_job(name), results, results / "tables")
    write_comparison(suite.comparison, results, results / "paper_comparison")
    write_figure(results, FIGURE, "1,2")


def write_figure(results: Path, name: str, *records: str) -> None:
    """Write a small picture, and the records that it is drawn from."""
    folder = results / "figures"
    with atomic_path(folder / f"{name}.png") as temporary:
        matplotlib.image.imsave(temporary, np.zeros((4, 4, 3)), format="png")
    (folder / f"{name}.csv").write_text("\n".join(["x,y", *records]) + "\n")
