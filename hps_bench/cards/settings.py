"""Settings of the ``cards`` stage."""

from __future__ import annotations

from pydantic import Field

from hps_bench.cell import Cell
from hps_bench.models.settings import ModelSource
from hps_bench.prompts.settings import DatasetSettings
from hps_bench.settings import Settings
from hps_bench.tables.settings import TableSettings


class CardsJob(Settings):
    """The cards of one grid, and what the records beside the policies do not say."""

    cells: list[Cell] = Field(description="cells whose policies get a card")
    datasets: dict[str, DatasetSettings] = Field(description="data sets of the cells, by name")
    generator: ModelSource = Field(description="model that sampled the responses")
    annotator: ModelSource = Field(description="reward model behind r_est")
    statistics: TableSettings = Field(TableSettings(), description="intervals")
