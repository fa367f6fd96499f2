"""Settings of the ``tables`` stage."""

from __future__ import annotations

from pydantic import Field

from hps_bench.cell import Cell
from hps_bench.settings import Settings


class TableSettings(Settings):
    """How the intervals in tables are computed."""

    level: float = Field(0.95, gt=0, lt=1, description="coverage of the bootstrap intervals")
    resamples: int = Field(1000, ge=1, description="bootstrap resamples of each interval")
    exchanges: int = Field(
        10_000, ge=1, description="random exchanges of two policies in each randomisation test"
    )
    seed: int = Field(0, description="seed of the resamples")


class TableJob(Settings):
    """What one table shows."""

    cells: list[Cell] = Field(min_length=1, description="cells of the table's experiments")
    incomparable: list[str | None] = Field(
        description="why each cell must not stand beside the paper's; null where it may"
    )
    samples: int = Field(5, ge=1, description="N, samples per test prompt; for the footnotes")
    followed: list[str] = Field(
        [], description="paths of the policies whose trajectories the table reads"
    )
    statistics: TableSettings = Field(TableSettings(), description="intervals")
