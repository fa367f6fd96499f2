"""Values of the paper's tables, from the evaluation records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hps_bench.cell import Cell
from hps_bench.tables.evaluations import interval_of, read_evaluations
from hps_bench.tables.footnotes import interval_note
from hps_bench.tables.layout import TableLayout
from hps_bench.tables.metrics import Metric
from hps_bench.tables.published import PublishedLookup
from hps_bench.tables.settings import TableSettings
from hps_bench.tables.table import BASELINE, Group, RowKey, Value

if TYPE_CHECKING:
    import pandas as pd

    from hps_bench.statistics import Interval


@dataclass(frozen=True)
class QualityMeasure:
    """Metrics of policies on test sets, one value per metric of the layout."""

    layout: TableLayout
    results: Path
    published: PublishedLookup
    settings: TableSettings

    def row_key(self, cell: Cell) -> RowKey:
        """Row of a cell's policy."""
        return RowKey(cell.reward, cell.method, cell.responses, cell.beta)

    def row_keys(self, cell: Cell) -> tuple[RowKey, ...]:
        """Rows that a cell belongs to: its own, below that of the reference model."""
        return (BASELINE, self.row_key(cell)) if self.layout.baseline else (self.row_key(cell),)

    def group(self, cell: Cell) -> Group:
        """Columns that a cell belongs to."""
        return Group(cell.trained_on, cell.evaluated_on)

    def values(self, key: RowKey, cells: Sequence[Cell]) -> tuple[Value, ...]:
        """Values of a row; ``cells`` are of the same group and differ in their seed."""
        paths = dict.fromkeys(
            cell.baseline_path if key == BASELINE else cell.evaluation_path for cell in cells
        )
        frames = read_evaluations(self.results / "evaluations" / path for path in paths)
        paper = self.published.quality(self.layout.name, key, self.group(cells[0]), cells)
        return tuple(
            Value(
                self.interval(metric, frames, cells, list(paths)),
                len(frames),
                len(paths),
                *paper.beside(metric),
            )
            for metric in self.layout.metrics
        )

    def interval(
        self,
        metric: Metric,
        frames: Sequence[pd.DataFrame],
        cells: Sequence[Cell],  # noqa: ARG002 - for measures that read more than records
        paths: Sequence[str],
    ) -> Interval | None:
        """Mean and interval of a metric; None where no record has it.

        Args:
            metric: one of the layout.
            frames: records, one frame per seed that has some.
            cells: of the row.
            paths: of their evaluations.
        """
        return interval_of(frames, metric.source, self.settings, paths)

    @property
    def notes(self) -> tuple[str, ...]:
        """How means and their bounds were computed."""
        return (interval_note(self.settings),)
