"""Settings of the ``figures`` stage."""

from __future__ import annotations

from pydantic import Field

from hps_bench.cell import Cell
from hps_bench.settings import Settings
from hps_bench.tables.settings import TableSettings


class FigureJob(Settings):
    """What one figure shows."""

    cells: list[Cell] = Field(min_length=1, description="cells of the figure's experiments")
    followed: list[str] = Field(
        [], description="paths of the policies that are followed through training"
    )
    statistics: TableSettings = Field(TableSettings(), description="intervals, as in tables")
