"""Trajectories with known values, as the stage would have written them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hps_bench.cell import Cell
from hps_bench.records import write_rows
from hps_bench.schemas import TRAJECTORY
from hps_bench.trajectory.reading import trajectory_file


def write_fabricated(
    results: Path,
    of: Cell,
    kl: Mapping[str, Sequence[float]],
    margins: Mapping[str, Sequence[float]],
    tokens: tuple[int, int] = (2, 4),
) -> None:
    """Write KL and margins by prompt and point; the log-ratios are ±½ of the margin."""
    last = len(next(iter(kl.values()))) - 1
    rows = [
        {
            "step": 10 * place,
            "share": place / last,
            "prompt_id": prompt,
            "log_ratio_chosen": margins[prompt][place] / 2,
            "log_ratio_rejected": -margins[prompt][place] / 2,
            "rm_dpo": margins[prompt][place],
            "ranking_accuracy": 1.0,
            "kl_preferred": kl[prompt][place],
            "gradient_inner": 1.0,
            "gradient_norm_chosen": 2.0,
            "gradient_norm_rejected": 3.0,
            "tokens_chosen": tokens[0],
            "tokens_rejected": tokens[1],
        }
        for place in range(last + 1)
        for prompt in kl
    ]
    write_rows(trajectory_file(of, results), rows, TRAJECTORY)
