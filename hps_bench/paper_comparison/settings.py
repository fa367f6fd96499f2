"""Settings of the ``paper_comparison`` stage."""

from __future__ import annotations

from pydantic import Field

from hps_bench.cell import Cell
from hps_bench.settings import Settings
from hps_bench.tables.settings import TableSettings
from hps_bench.tables.table import BASELINE, Group, RowKey


class Place(Settings):
    """A row of the paper on one pair of data sets, and our cells that stand there."""

    key: RowKey = Field(description="row")
    group: Group = Field(description="data sets; empty where the paper names none")
    cells: list[Cell] = Field(description="cells of the config, one per seed")
    incomparable: str = Field(
        description="all that sets the config apart from the paper; empty where nothing does"
    )

    @property
    def evaluation_paths(self) -> list[str]:
        """Folders of the evaluations, one per seed; one for the SFT model."""
        baseline = self.key == BASELINE
        paths = (cell.baseline_path if baseline else cell.evaluation_path for cell in self.cells)
        return list(dict.fromkeys(paths))


class ComparisonJob(Settings):
    """What is compared with the paper."""

    places: list[Place] = Field(description="every row of the paper, each once")
    judge_incomparable: str = Field(description="the same for the judging")
    statistics: TableSettings = Field(TableSettings(), description="intervals")

    @property
    def measured(self) -> list[Place]:
        """Places where we have cells, comparable or not."""
        return [place for place in self.places if place.cells]
