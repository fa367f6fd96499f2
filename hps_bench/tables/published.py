"""The numbers of the paper (arXiv 2502.14400v5): Tables 2 to 8, and hours of training.

Table 3 rates answers to questions of both data sets together, so it names none. Table 5 has the
policy trained on one data set in the columns of the other. Tables 6 and 8 are trained and evaluated
on HH-RLHF; Table 7 is trained on HH-RLHF and evaluated on PKU-SafeRLHF.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from hps_bench.cell import Cell
from hps_bench.paper import SIMULATED_RATERS
from hps_bench.tables.metrics import Metric
from hps_bench.tables.table import BASELINE, Group, RowKey

Numbers = dict[str, float]
"""Published values of one row by column; columns without a value are left out."""

TIMED_AGAINST = "bt"
"""Method whose training time the others are divided by."""

REDUCED_FROM = "pl"
"""Method whose training time the others are said to reduce."""

JUDGE = "Qwen2.5-72B-Instruct"
"""Judge of Table 4, a model of the organisation Qwen."""

_KEYS = ("reward", "method", "opponent", "trained_on", "evaluated_on", "responses", "beta")
_DEVIATIONS = ("wall_hours_deviation",)


@dataclass(frozen=True)
class PublishedFigure:
    """One number as the paper prints it.

    Attributes:
        table: file of the package that holds it, for example ``table2``.
        key: its row.
        group: data sets trained and evaluated on; empty where the paper names none.
        column: for example ``rm_dpo``.
        text: as printed, with all decimals.
    """

    table: str
    key: RowKey
    group: Group
    column: str
    text: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)

    @property
    def rounding(self) -> float:
        """Largest error of rounding: half a unit of the last decimal."""
        return half_unit(self.text)


@dataclass(frozen=True)
class PublishedRow:
    """What the paper says about one row on one pair of data sets.

    Attributes:
        numbers: published values by column.
        incomparable: why none of them may stand beside ours; empty where they may.
    """

    numbers: Numbers
    incomparable: str

    def beside(self, metric: Metric) -> tuple[float | None, str]:
        """The number to show with a metric, or why it is left out."""
        number = self.numbers.get(metric.published)
        if number is None:
            return None, ""
        return (None, self.incomparable) if self.incomparable else (number, "")


@dataclass(frozen=True)
class PublishedLookup:
    """The paper's numbers for cells that may be compared with them.

    Attributes:
        incomparable: says why a cell's results must not stand beside the paper's, for example
            "toy world"; None where they may.
    """

    incomparable: Callable[[Cell], str | None]

    def quality(self, table: str, key: RowKey, group: Group, cells: Sequence[Cell]) -> PublishedRow:
        """The paper's row of one of its tables; ``cells`` are ours of the same row."""
        trained_on = "" if key == BASELINE else group.trained_on
        place = (key, Group(trained_on, group.evaluated_on))
        return PublishedRow(published_values(table).get(place, {}), self._reason(cells))

    def judged(
        self, table: str, key: RowKey, group: Group, cells: Sequence[Cell], judge: str | None
    ) -> PublishedRow:
        """The same for a table of judged policies.

        Args:
            table: name of the table.
            key: row.
            group: columns.
            cells: ours of the same row.
            judge: name or path of the judge, perhaps with words on its version; None while
                there are no scores.
        """
        row = self.quality(table, key, group, cells)
        if judge is None or row.incomparable or _model_name(judge) == JUDGE:
            return row
        return replace(row, incomparable="the judge is not the paper's")

    def rated(
        self,
        table: str,
        key: RowKey,
        group: Group,
        cells: Sequence[Cell],
        simulated: bool,
    ) -> PublishedRow:
        """The same for a table of rated policies; a program's ratings are beside no person's."""
        row = self.quality(table, key, group, cells)
        return replace(row, incomparable=SIMULATED_RATERS) if simulated else row

    def cost(self, method: str, cells: Sequence[Cell]) -> PublishedRow:
        """The paper's training hours of a method."""
        return PublishedRow(published_costs().get(method, {}), self._reason(cells))

    def _reason(self, cells: Sequence[Cell]) -> str:
        reasons = [self.incomparable(cell) for cell in cells]
        return "" if None in reasons else next(filter(None, reasons), "")


def _model_name(judge: str) -> str:
    return judge.partition(" ")[0].rpartition("/")[2]


def half_unit(printed: str) -> float:
    """Half a unit of the last decimal of a printed number; 0.0005 for ``2.040``."""
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])


@cache
def published_figures(table: str) -> tuple[PublishedFigure, ...]:
    """Every number of one of the paper's tables, or of ``cost``, row by row."""
    return tuple(
        PublishedFigure(table, _row_key(row), _group(row), column, text)
        for row in _rows(table)
        for column, text in row.items()
        if column not in (*_KEYS, *_DEVIATIONS) and text
    )


@cache
def published_values(table: str) -> dict[tuple[RowKey, Group], Numbers]:
    """Values of one of the paper's tables by row and pair of data sets.

    The reference model was not trained, so its group has an empty ``trained_on``.
    """
    return {(_row_key(row), _group(row)): _numbers(row) for row in _rows(table)}


@cache
def published_costs() -> dict[str, Numbers]:
    """Hours of training by method, with their ratio to BT and reduction from PL (Section 6)."""
    costs = {row["method"]: float(row["wall_hours"]) for row in _rows("cost")}
    return {
        method: {
            "wall_hours": hours,
            "time_ratio_to_bt": hours / costs[TIMED_AGAINST],
            "time_reduction_from_pl_percent": 100 * (1 - hours / costs[REDUCED_FROM]),
        }
        for method, hours in costs.items()
    }


def _rows(table: str) -> list[dict[str, str]]:
    """Rows of a published table; none for a table that the paper does not have."""
    file = files("hps_bench.tables") / "published" / f"{table}.csv"
    return list(csv.DictReader(file.read_text("utf-8").splitlines())) if file.is_file() else []


def _row_key(row: dict[str, str]) -> RowKey:
    if row["method"] == BASELINE.method:
        return BASELINE
    responses, beta = row.get("responses", ""), row.get("beta", "")
    return RowKey(
        row.get("reward", ""),
        row["method"],
        int(responses) if responses else None,
        float(beta) if beta else None,
        row.get("opponent", ""),
    )


def _group(row: dict[str, str]) -> Group:
    return Group(row.get("trained_on", ""), row.get("evaluated_on", ""))


def _numbers(row: dict[str, str]) -> Numbers:
    return {name: float(number) for name, number in row.items() if name not in _KEYS and number}
