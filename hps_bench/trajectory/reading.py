"""Trajectories as arrays, prompts by points."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hps_bench.cell import Cell
from hps_bench.errors import UserError
from hps_bench.records import read_rows
from hps_bench.schemas import TRAJECTORY
from hps_bench.trajectory.matched import Course


@dataclass(frozen=True)
class Trajectory:
    """Records of one policy, by point and prompt."""

    records: pd.DataFrame

    @property
    def prompts(self) -> tuple[str, ...]:
        """Prompt ids in their order."""
        return tuple(sorted(set(self.records["prompt_id"])))

    @property
    def course(self) -> Course:
        """KL and margins, prompts in the order of their ids."""
        return Course(self._by_point("kl_preferred"), self._by_point("rm_dpo"))

    @property
    def margins_per_token(self) -> NDArray[np.float64]:
        """h_w/|y_w| − h_l/|y_l| of each prompt at the end of training, nats, shape (prompts,)."""
        end = self.records[self.records["step"] == self.records["step"].max()]
        end = end.sort_values("prompt_id")
        chosen, rejected = (
            (end[f"log_ratio_{side}"] / end[f"tokens_{side}"]).to_numpy(dtype=float)
            for side in ("chosen", "rejected")
        )
        return np.asarray(chosen - rejected)

    def _by_point(self, column: str) -> NDArray[np.float64]:
        wide = self.records.pivot(index="prompt_id", columns="step", values=column)
        return wide.to_numpy(dtype=float)


def trajectory_file(cell: Cell, results: Path) -> Path:
    """Where a policy's trajectory lies under the results folder."""
    return results / "trajectories" / cell.policy_path / "trajectory.parquet"


def read_trajectory(file: Path) -> Trajectory:
    """Read a trajectory.

    Raises:
        UserError: the file is missing or damaged, or does not have every prompt at every point.
    """
    records = pd.DataFrame(read_rows(file, TRAJECTORY), columns=TRAJECTORY.names)
    places = records[["prompt_id", "step"]]
    prompts, points = places.nunique()
    if len(places) != prompts * points or places.duplicated().any():
        raise UserError(f"{file}: not every prompt is there once at every point; make it again")
    return Trajectory(records)
