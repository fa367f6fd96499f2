"""How the rows and columns of a table stand on paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hps_bench.tables.display import ShownRow, ShownValue, progress_text, shown_rows
from hps_bench.tables.escape import Latex, latex_text
from hps_bench.tables.metrics import Metric
from hps_bench.tables.table import Group, RowKey, Table

MOST_COLUMNS = 14
"""Columns of numbers that a page has room for."""

NOTHING = ShownValue("", "", "", "", missing=False)
"""Stands where a policy is not compared with an opponent."""


@dataclass(frozen=True)
class Arrangement:
    """A table on paper.

    Attributes:
        labels: headings of the label columns.
        spans: headings over value columns, each with the number of columns below it.
        columns: headings of the value columns.
        rows: from top to bottom.
    """

    labels: tuple[str, ...]
    spans: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    rows: tuple[ShownRow, ...]


def arrange(table: Table) -> Arrangement:
    """Arrange a table as the paper does.

    Policies are rows, and the metrics of each pair of data sets stand side by side (Tables 2 and
    5 to 8), or one below the other where they are many. Where policies are judged against
    others, each data set, policy and metric has a row, and each opponent a column (Table 4).
    """
    if table.layout.records == "judge":
        return _by_opponent(table)
    metrics = len(table.columns) // len(table.groups)
    if len(table.groups) > 1 and len(table.columns) > MOST_COLUMNS:
        return _stacked(table, metrics)
    return Arrangement(
        table.headings,
        tuple((group.title, metrics) for group in table.groups),
        tuple(_heading(column.metric) for column in table.columns),
        tuple(shown_rows(table)),
    )


def _stacked(table: Table, metrics: int) -> Arrangement:
    """The rows of each pair of data sets below those of the one before."""
    shown = shown_rows(table)
    rows = [
        replace(
            row,
            labels=("" if place else group.title, *row.labels),
            values=row.values[start : start + metrics],
        )
        for start, group in zip(range(0, len(table.columns), metrics), table.groups, strict=True)
        for place, row in enumerate(shown)
    ]
    headings = tuple(_heading(column.metric) for column in table.columns[:metrics])
    return Arrangement(("Data set", *table.headings), (), headings, tuple(rows))


def _by_opponent(table: Table) -> Arrangement:
    shown = dict(zip((row.key for row in table.rows), shown_rows(table), strict=True))
    opponents = tuple(dict.fromkeys(key.opponent for key in shown))
    policies = dict.fromkeys(replace(key, opponent="") for key in shown)
    rows = [
        row
        for group in table.groups
        for policy in policies
        for row in _policy_rows(
            table, shown, group, [replace(policy, opponent=o) for o in opponents]
        )
    ]
    return Arrangement(
        ("Data set", *table.headings[:-1], "Policy", "Metric"),
        (("Against", len(opponents)),),
        tuple(_opponent_title(shown, opponent) for opponent in opponents),
        tuple(rows),
    )


def _policy_rows(
    table: Table, shown: Mapping[RowKey, ShownRow], group: Group, keys: Sequence[RowKey]
) -> Iterator[ShownRow]:
    """One row per metric of a policy's comparisons ``keys``, some of which may not exist."""
    compared = [row for row in table.rows if row.key in keys]
    counts = dict.fromkeys(progress_text(table, row, group) for row in compared)
    labels = (group.title, *compared[0].labels[:-1], replace(keys[0], opponent="").title)
    places = [k for k, column in enumerate(table.columns) if column.group == group]
    for place in places:
        first = place == places[0]
        yield ShownRow(
            (*(labels if first else [""] * len(labels)), _heading(table.columns[place].metric)),
            ", ".join(filter(None, counts)) if first else "",
            tuple(shown[key].values[place] if key in shown else NOTHING for key in keys),
            starts_block=first,
        )


def _opponent_title(keys: Iterable[RowKey], opponent: str) -> str:
    """The opponent's own label, or its method where it stands for several rewards."""
    titles = {key.compared_with.title for key in keys if key.opponent == opponent}
    return titles.pop() if len(titles) == 1 else opponent.upper()


def _heading(metric: Metric) -> Latex:
    subscript = rf"\textsubscript{{{latex_text(metric.subscript)}}}" if metric.subscript else ""
    direction = f" {latex_text(metric.direction)}" if metric.direction else ""
    return Latex(f"{latex_text(metric.heading)}{subscript}{direction}")
