"""A table before it is typeset: rows, columns, values and footnotes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hps_bench.statistics import Interval
from hps_bench.tables.layout import TableLayout, dataset_title, policy_title
from hps_bench.tables.metrics import Metric


@dataclass(frozen=True)
class RowKey:
    """What the cells of a row share; fields that do not apply are empty.

    ``opponent`` is the method that theirs is compared with, at the same reward, n and β, and
    ``metric`` what they are compared in, where that has rows of its own.
    """

    reward: str
    method: str
    responses: int | None
    beta: float | None
    opponent: str = ""
    metric: Metric | None = None

    @property
    def title(self) -> str:
        """Label of the policy or comparison, for example ``DPO-HPS vs. DPO-BT``."""
        if self.opponent:
            return f"{replace(self, opponent='', metric=None).title} vs. {self.compared_with.title}"
        if self == BASELINE:
            return "SFT model"
        return policy_title(self.reward, self.method) if self.reward else self.method.upper()

    @property
    def compared_with(self) -> RowKey:
        """Row of the opponent's own results."""
        if self.opponent == BASELINE.method:
            return BASELINE
        return replace(self, method=self.opponent, opponent="", metric=None)


BASELINE = RowKey("none", "sft", None, None)
"""The reference model itself."""


@dataclass(frozen=True)
class Group:
    """Columns of one pair of data sets.

    ``evaluated_on`` is empty for training costs, and both are where data sets stand together.
    """

    trained_on: str
    evaluated_on: str

    @property
    def title(self) -> str:
        """Heading, with an arrow where the policy was trained on another data set."""
        if self == ALL_SETS:
            return "All data sets"
        if self.evaluated_on in ("", self.trained_on):
            return dataset_title(self.trained_on)
        return f"{dataset_title(self.trained_on)} → {dataset_title(self.evaluated_on)}"


ALL_SETS = Group("", "")
"""Columns of all data sets together."""


@dataclass(frozen=True)
class Column:
    """One metric on one pair of data sets."""

    group: Group
    metric: Metric


@dataclass(frozen=True)
class Value:
    """One number of a table, and how much of it is there.

    Attributes:
        interval: mean with its bounds; None where nothing could be computed.
        found: seeds (or runs) whose results exist.
        expected: seeds (or runs) that the row asks for.
        published: the paper's number where it may be compared.
        incomparable: why the paper's number is left out; empty where it is not.
    """

    interval: Interval | None
    found: int
    expected: int
    published: float | None = None
    incomparable: str = ""

    @property
    def missing(self) -> bool:
        """Whether results are asked for and none exists."""
        return self.found == 0 < self.expected

    @property
    def partial(self) -> bool:
        """Whether some results exist and some do not."""
        return 0 < self.found < self.expected


@dataclass(frozen=True)
class Row:
    """One row: what it is about, its labels, and its values."""

    key: RowKey
    labels: tuple[str, ...]
    values: Mapping[Column, Value]

    def progress(self, group: Group) -> Value:
        """Any value of a group; all of them have the same counts of results."""
        return next(value for column, value in self.values.items() if column.group == group)


@dataclass(frozen=True)
class Table:
    """A whole table.

    Attributes:
        layout: title, metrics and axes.
        headings: of the label columns.
        columns: value columns, those of one group side by side.
        rows: from top to bottom.
        notes: footnotes, one paragraph each.
    """

    layout: TableLayout
    headings: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def groups(self) -> tuple[Group, ...]:
        """Pairs of data sets, from left to right."""
        return tuple(dict.fromkeys(column.group for column in self.columns))

    def row_title(self, row: Row) -> str:
        """Labels of a row in one line, for example ``DPO-HPS, n = 5``."""
        axes = zip(self.headings[:-1], row.labels[:-1], strict=True)
        return ", ".join([row.labels[-1], *(f"{name} = {label}" for name, label in axes if label)])
