"""From the cells of a table to its rows, columns and footnotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from hps_bench.cell import Cell
from hps_bench.tables.comparisons import compared_measure
from hps_bench.tables.cost import CostMeasure
from hps_bench.tables.footnotes import footnotes
from hps_bench.tables.judged import judged_measure
from hps_bench.tables.layout import Axis, TableLayout, find_layout
from hps_bench.tables.margins import MarginMeasure
from hps_bench.tables.published import PublishedLookup
from hps_bench.tables.quality import QualityMeasure
from hps_bench.tables.rated import rated_measure
from hps_bench.tables.settings import TableJob
from hps_bench.tables.table import BASELINE, Column, Group, Row, RowKey, Table, Value

NOT_PLANNED = Value(None, found=0, expected=0)
"""Stands where no cell of the config asks for a result."""

_AXIS_HEADINGS: dict[Axis, str] = {"responses": "n", "beta": "β", "metric": "Metric"}


class Measure(Protocol):
    """Says where a cell belongs in a table, and computes the values that stand there."""

    @property
    def layout(self) -> TableLayout:
        """Layout of the table."""
        ...

    def row_keys(self, cell: Cell) -> Sequence[RowKey]:
        """Rows that a cell belongs to."""
        ...

    def group(self, cell: Cell) -> Group:
        """Columns that a cell belongs to."""
        ...

    def values(self, key: RowKey, cells: Sequence[Cell]) -> tuple[Value, ...]:
        """One value for each metric of the layout, over cells of the same row and group."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """How means and their bounds were computed, and on what."""
        ...


@dataclass(frozen=True)
class _Plan:
    """Cells by row and group, and the order of both."""

    keys: tuple[RowKey, ...]
    groups: tuple[Group, ...]
    cells: Mapping[tuple[RowKey, Group], Sequence[Cell]]


def build_table(name: str, job: TableJob, results: Path) -> Table:
    """Compute a table from the records under ``results``.

    Rows and columns keep the order of the cells, within increasing n or β where the layout has
    that axis. An axis that the layout does not name gets a label column when the rows differ in
    it, so that no two rows look alike.

    Args:
        name: one of ``LAYOUTS``.
        job: the table's cells; results that do not exist yet are marked missing.
        results: folder of one config's results, with ``evaluations``, ``policies``, ``judge``.

    Raises:
        UserError: there is no such table, a file is damaged, or there is nothing to compare.
    """
    layout = find_layout(name)
    measure = _measure(layout, job, results)
    plan = _plan(measure, job.cells)
    axes = _label_axes(layout, plan.keys)
    rows = tuple(Row(key, _labels(key, axes), _values(measure, plan, key)) for key in plan.keys)
    headings = (*(_AXIS_HEADINGS[axis] for axis in axes), layout.heading)
    table = Table(measure.layout, headings, _columns(rows), rows, measure.notes)
    return replace(table, notes=(*table.notes, *footnotes(table, job.samples)))


def _measure(layout: TableLayout, job: TableJob, results: Path) -> Measure:
    reasons = dict(zip(job.cells, job.incomparable, strict=True))
    published = PublishedLookup(reasons.__getitem__)
    if layout.records == "policies":
        return CostMeasure(layout, job.cells, results, published)
    if layout.records == "judge":
        return judged_measure(layout, job, results, published)
    if layout.records == "margins":
        followed = frozenset(job.followed)
        return MarginMeasure(layout, results, published, job.statistics, job.cells, followed)
    if layout.records == "study":
        return rated_measure(layout, results, published, job.statistics)
    if layout.compared:
        return compared_measure(layout, job, results)
    return QualityMeasure(layout, results, published, job.statistics)


def _plan(measure: Measure, cells: Sequence[Cell]) -> _Plan:
    places: dict[tuple[RowKey, Group], list[Cell]] = {}
    for cell in cells:
        for key in measure.row_keys(cell):
            places.setdefault((key, measure.group(cell)), []).append(cell)
    keys = dict.fromkeys(key for key, _ in places)
    groups = dict.fromkeys(group for _, group in places)
    layout = measure.layout
    ordered = sorted(keys, key=lambda key: [_axis_order(layout, key, a) for a in layout.axes])
    return _Plan(tuple(ordered), tuple(groups), places)


def _axis_order(layout: TableLayout, key: RowKey, axis: Axis) -> float:
    if axis == "metric":
        return layout.compared.index(key.metric) if key.metric else -1
    value: float | None = getattr(key, axis)
    return -1 if value is None else value


def _axis_label(key: RowKey, axis: Axis) -> str:
    if axis == "metric":
        return key.metric.title if key.metric else ""
    value: float | None = getattr(key, axis)
    return "" if value is None else f"{value:g}"


def _values(measure: Measure, plan: _Plan, key: RowKey) -> dict[Column, Value]:
    metrics = measure.layout.metrics
    values: dict[Column, Value] = {}
    for group in plan.groups:
        cells = plan.cells.get((key, group))
        measured = measure.values(key, cells) if cells else [NOT_PLANNED] * len(metrics)
        values |= zip((Column(group, metric) for metric in metrics), measured, strict=True)
    return values


def _columns(rows: Sequence[Row]) -> tuple[Column, ...]:
    """Columns to show: optional metrics only where some row has them."""
    present = {
        column.metric for row in rows for column, value in row.values.items() if value.interval
    }
    return tuple(
        column
        for column in rows[0].values
        if column.metric in present or not column.metric.optional
    )


def _label_axes(layout: TableLayout, keys: Sequence[RowKey]) -> list[Axis]:
    varying = {
        axis
        for axis in _AXIS_HEADINGS
        if len({getattr(key, axis) for key in keys if key != BASELINE}) > 1
    }
    return [axis for axis in _AXIS_HEADINGS if axis in layout.axes or axis in varying]


def _labels(key: RowKey, axes: Sequence[Axis]) -> tuple[str, ...]:
    return (
        *(_axis_label(key, axis) for axis in axes),
        key.title,
    )
