"""Numbers of a table as they are shown: rounded, with the best and second best marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hps_bench.statistics import Interval
from hps_bench.tables.metrics import Metric
from hps_bench.tables.table import Column, Group, Row, Table, Value

Mark = Literal["best", "second", ""]

_LEAST_P = 0.001
_SIGNIFICANT_DIGITS = 4
_PLAIN_BELOW = 9_999.5
_SUFFIXES = ("k", "M", "G", "T", "P", "E")


@dataclass(frozen=True)
class ShownValue:
    """One value as text; empty texts are not shown.

    Attributes:
        mean: rounded mean.
        spread: interval in brackets, or standard deviation after ±.
        published: rounded number of the paper.
        mark: place among the rows of its column.
        missing: whether results are yet to come.
    """

    mean: str
    spread: str
    published: str
    mark: Mark
    missing: bool


@dataclass(frozen=True)
class ShownRow:
    """One row as text.

    Attributes:
        labels: as in the table, without those that repeat the row above.
        status: what part of the results is there, for example ``2/3 seeds``; else empty.
        values: one per column.
        starts_block: whether a new n, β or reward begins here.
    """

    labels: tuple[str, ...]
    status: str
    values: tuple[ShownValue, ...]
    starts_block: bool

    @property
    def has_published(self) -> bool:
        """Whether a number of the paper stands in this row."""
        return any(value.published for value in self.values)


def shown_rows(table: Table) -> list[ShownRow]:
    """Rows of a table as text, from top to bottom."""
    marks = {column: _marks(table, column) for column in table.columns}
    rows: list[ShownRow] = []
    for place, row in enumerate(table.rows):
        above = table.rows[place - 1] if place else None
        values = (
            _shown(table, column, row.values[column], marks[column][place])
            for column in table.columns
        )
        starts_block = above is None or _block(above) != _block(row)
        rows.append(ShownRow(_labels(row, above), _status(table, row), tuple(values), starts_block))
    return rows


def progress_text(table: Table, row: Row, group: Group) -> str:
    """How many results of a row are there, where some are and some are not; else empty."""
    value = row.progress(group)
    return f"{value.found}/{value.expected} {table.layout.counted}" if value.partial else ""


def number_text(value: float, decimals: int | None) -> str:
    """Round a number to decimals, or to four significant digits with k, M, G.

    Returns:
        for example ``-0.455``, ``0.001234`` or ``12.35 M``; never a negative zero.
    """
    if decimals is None:
        return _significant(value, _SIGNIFICANT_DIGITS)
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def p_text(p: float) -> str:
    """A p-value with three decimals, cut below 0.001."""
    return f"< {_LEAST_P:g}" if p < _LEAST_P else number_text(p, 3)


def _significant(value: float, digits: int) -> str:
    scaled, suffix = value, ""
    for larger in _SUFFIXES:
        if abs(scaled) < (999.95 if suffix else _PLAIN_BELOW):
            break
        scaled, suffix = scaled / 1000, larger
    text = np.format_float_positional(scaled, precision=digits, unique=False, fractional=False)
    return f"{text.rstrip('.')} {suffix}".rstrip()


def _shown(table: Table, column: Column, value: Value, mark: Mark) -> ShownValue:
    decimals = column.metric.decimals
    published = _published(value.published, decimals)
    missing = value.missing
    if value.interval is None:
        return ShownValue("", "", published, mark, missing)
    if column.metric.is_p:
        return ShownValue(p_text(value.interval.mean), "", published, mark, missing)
    mean = number_text(value.interval.mean, decimals)
    return ShownValue(mean, _spread(table, value.interval, decimals), published, mark, missing)


def _published(number: float | None, decimals: int | None) -> str:
    """The paper's number as printed there, where it is not a ratio of two of them."""
    if number is None:
        return ""
    return f"{number:g}" if decimals is None else number_text(number, decimals)


def _spread(table: Table, interval: Interval, decimals: int | None) -> str:
    if table.layout.spread == "interval":
        low, high = (number_text(bound, decimals) for bound in (interval.low, interval.high))
        return f"[{low}, {high}]"
    deviation = interval.high - interval.mean
    if deviation == 0:
        return ""
    text = _significant(deviation, 2) if decimals is None else number_text(deviation, decimals)
    return f"± {text}"


def _marks(table: Table, column: Column) -> list[Mark]:
    """Marks by row; means that look alike are equal, and one value alone is not the best."""
    metric = column.metric
    means = [_compared(metric, row.values[column]) for row in table.rows]
    order = sorted({mean for mean in means if mean is not None}, reverse=metric.direction == "↑")
    if not metric.direction or len(order) == 1:
        return [""] * len(means)
    places: dict[float | None, Mark] = dict(zip(order, ("best", "second"), strict=False))
    return [places.get(mean, "") for mean in means]


def _compared(metric: Metric, value: Value) -> float | None:
    if value.interval is None:
        return None
    mean = value.interval.mean
    return (
        float(f"{mean:.{_SIGNIFICANT_DIGITS}g}")
        if metric.decimals is None
        else round(mean, metric.decimals)
    )


def _status(table: Table, row: Row) -> str:
    """How many results are there, where some are and some are not."""
    counts = {
        group.title: count for group in table.groups if (count := progress_text(table, row, group))
    }
    if len(counts) == len(table.groups) and len(set(counts.values())) == 1:
        return next(iter(counts.values()))
    return ", ".join(f"{count} on {title}" for title, count in counts.items())


def _block(row: Row) -> tuple[str, ...]:
    return (*row.labels[:-1], row.key.reward)


def _labels(row: Row, above: Row | None) -> tuple[str, ...]:
    """Labels, where axes that stay the same as in the row above are left blank."""
    if above is None:
        return row.labels
    axes = len(row.labels) - 1
    same = next((k for k in range(axes) if row.labels[k] != above.labels[k]), axes)
    return ("",) * same + row.labels[same:]
