"""Journals, plans and trajectories with known values, as their stages would have written them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hps_bench.cell import Cell
from hps_bench.figures.settings import FigureJob
from hps_bench.records import write_rows
from hps_bench.schemas import PLAN, TRAJECTORY
from hps_bench.tracking.files import FOLDER, Entry, metrics_file
from tests.unit.tables.fabricated import (
    HH,
    PKU,
    SETTINGS,
    cells,
    judged,
    write_evaluation,
    write_judgements,
    write_training,
)

Visit = tuple[float | None, Sequence[int], Sequence[float]]
"""γ, ranks of a comparison's responses, their log-weights."""


def job(*of: Cell) -> FigureJob:
    followed = [cell.policy_path for cell in of]
    return FigureJob(cells=list(of), followed=followed, statistics=SETTINGS)


def write_journal(results: Path, of: Cell, metrics: Sequence[Mapping[str, float]]) -> None:
    """Write the metrics of steps 1, 2, … of a finished training."""
    write_training(results, of, hours=1)
    file = metrics_file(results / FOLDER / "policies" / of.policy_path)
    file.parent.mkdir(parents=True)
    entries = (Entry(step=k, time=0, metrics=dict(m)) for k, m in enumerate(metrics, start=1))
    file.write_text("".join(f"{entry.model_dump_json()}\n" for entry in entries))


def write_plan(results: Path, of: Cell, visits: Sequence[Visit]) -> None:
    """Write a plan, one comparison a visit."""
    rows = [
        {
            "visit": place,
            "epoch": 0,
            "gamma": gamma,
            "prompt_id": f"p{place}",
            "response_ids": [f"r{rank}" for rank in ranks],
            "ranks": list(ranks),
            "rewards": [0.0] * len(ranks),
            "log_weights": list(log_weights),
            "weight": 1.0,
        }
        for place, (gamma, ranks, log_weights) in enumerate(visits)
    ]
    folder = f"{of.trained_on}/{of.method}/n{of.responses}-s{of.seed}"
    write_rows(results / "plans" / folder / "plan.parquet", rows, PLAN)


def point(step: int, share: float, prompt: str, **values: Any) -> dict[str, Any]:
    """A row of schema ``TRAJECTORY``; what is not given is 0."""
    return {
        **dict.fromkeys(TRAJECTORY.names, 0.0),
        **{"tokens_chosen": 5, "tokens_rejected": 5},
        **{"step": step, "share": share, "prompt_id": prompt},
        **values,
    }


def write_trajectory(results: Path, of: Cell, rows: Sequence[Mapping[str, Any]]) -> None:
    file = results / "trajectories" / of.policy_path / "trajectory.parquet"
    write_rows(file, rows, TRAJECTORY)


def write_everything(results: Path) -> list[Cell]:
    """A little of all records: several methods, n and seeds on one data set, less on another."""
    written = [
        *cells("dpo-hps", "dpo-bt", seeds=2, responses=5),
        *cells("dpo-hps", "dpo-bt", "dpo-pl", responses=20),
        *cells("dpo-hps", "dpo-bt", trained_on=PKU, responses=20),
    ]
    scores: dict[str, list[float | None]] = {"sft": [1.0, 2.0]}
    for place, policy in enumerate(written):
        _write_policy(results, policy, 1 + place / 10)
        scores[policy.policy_path] = [2.0, 1.5 + place % 2]
    for dataset in (HH, PKU):
        write_judgements(results, dataset, judged(scores))
        write_evaluation(results, f"{dataset}/sft", reward_best=[0.0, 1.0])
    return written


def _write_policy(results: Path, of: Cell, size: float) -> None:
    metrics = [{"loss": size / step, "rewards/margins": size * step} for step in range(1, 4)]
    write_journal(results, of, metrics)
    values = {"rm_dpo": [size, 3 * size], "kl_preferred": [size, size], "reward_best": [1.0, size]}
    write_evaluation(results, of.evaluation_path, **values)
    gamma = 1.0 if of.method == "hps" else None
    write_plan(results, of, [(gamma, [1, 2], [0, 0]), (gamma, [1, 3], [0, 0])])
    rows = [point(step, step / 2, p, rm_dpo=size * step) for step in (0, 2) for p in ("a", "b")]
    write_trajectory(results, of, rows)
