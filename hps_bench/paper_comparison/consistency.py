"""Whether the published tables agree with themselves, with each other and with the text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise, product
from math import sqrt
from operator import gt, lt
from typing import Literal

from hps_bench.paper_comparison.formulas import HH, MARGINS, PKU
from hps_bench.paper_comparison.titles import column_title, row_title, table_title
from hps_bench.tables.layout import dataset_title
from hps_bench.tables.published import published_figures
from hps_bench.tables.table import Group, RowKey

OFFSETS = "RM_R-DPO less RM_DPO is one constant on a test set"

Row = tuple[RowKey, Group]
Printed = Mapping[str, Decimal]
"""Numbers of a row by column, with the decimals that the paper prints."""

_TABLES = ("table2", "table5", "table6", "table7", "table8")
_UNIT = Decimal("0.001")
"""Last decimal of the tables, and the most that rounding changes a difference of two numbers."""
_MOST_JUDGEMENTS = 20_000
_FAR = 5
"""Times the range of the others that a number must be away from them to stand out."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        check: kind of check.
        place: tables, and the row or column in them.
        expected: what should be there.
        found: what is there.
        holds: whether it is as expected.
    """

    check: str
    place: str
    expected: str
    found: str
    holds: bool


@dataclass(frozen=True)
class Offsets:
    """RM_R-DPO less RM_DPO of all policies on one test set.

    By Table 1 it is −0.01 times the mean difference of lengths of the test pairs, which no policy
    changes.

    Attributes:
        evaluated_on: test set.
        by_row: offset of each policy, under the first table that prints it.
        constant: the offset that most policies have, give or take rounding.
    """

    evaluated_on: str
    by_row: Mapping[tuple[str, Row], Decimal]
    constant: Decimal

    def agrees(self, offset: Decimal) -> bool:
        """Whether an offset is the constant, give or take rounding."""
        return abs(offset - self.constant) <= _UNIT


def check_tables() -> list[Finding]:
    """All checks of the published tables."""
    return [
        *_offsets_are_constant(),
        *_shares_are_counts(),
        *_shares_add_up(),
        *_repeats_are_equal(),
        *_columns_are_ordered(),
        *_nothing_stands_out(),
        *_quotations_stand_in_tables(),
    ]


def margin_offsets(evaluated_on: str) -> Offsets:
    """Offsets of every policy that the paper evaluates on a test set, each once."""
    by_row: dict[tuple[str, Row], Decimal] = {}
    seen: set[Row] = set()
    for table in _TABLES:
        for row, printed in _rows(table).items():
            if row[1].evaluated_on == evaluated_on and "rm_dpo" in printed and row not in seen:
                seen.add(row)
                by_row[table, row] = printed["rm_rdpo"] - printed["rm_dpo"]
    return Offsets(evaluated_on, by_row, _most_frequent(list(by_row.values())))


def judgement_counts(evaluated_on: str) -> list[int]:
    """Numbers of judgements, up to 20,000, of which every share in Table 4 is a whole count."""
    shares = [
        int(share / _UNIT)
        for (_, group), printed in _rows("table4").items()
        if group.evaluated_on == evaluated_on
        for share in printed.values()
    ]
    return [
        total
        for total in range(1, _MOST_JUDGEMENTS + 1)
        if all(_is_count(share, total) for share in shares)
    ]


def _offsets_are_constant() -> Iterator[Finding]:
    for offsets in map(margin_offsets, (HH, PKU)):
        for (table, row), offset in offsets.by_row.items():
            yield Finding(
                OFFSETS,
                f"{table_title(table)}, {_policy(row)}",
                f"within {_UNIT} of {offsets.constant}",
                str(offset),
                offsets.agrees(offset),
            )


def _shares_are_counts() -> Iterator[Finding]:
    for dataset in (HH, PKU):
        totals = judgement_counts(dataset)
        shown = ", ".join(map(str, totals))
        yield Finding(
            "Shares are whole counts of one number of judgements",
            f"Table 4, {dataset_title(dataset)}",
            f"a number up to {_MOST_JUDGEMENTS}",
            f"{shown}; {_half_width(totals[0])}" if totals else "none",
            bool(totals),
        )


def _shares_add_up() -> Iterator[Finding]:
    for row, printed in _rows("table4").items():
        total = sum(printed.values(), Decimal(0))
        yield Finding(
            "Win, lose and tie add up",
            f"Table 4, {_policy(row)}",
            "100 within rounding",
            str(total),
            abs(total - 100) <= len(printed) * _UNIT / 2,
        )


def _repeats_are_equal() -> Iterator[Finding]:
    places: dict[Row, dict[str, Printed]] = defaultdict(dict)
    for table in _TABLES:
        for row, printed in _rows(table).items():
            places[row][table] = printed
    for row, tables in places.items():
        if len(tables) > 1:
            unequal = list(_unequal(list(tables.values())))
            yield Finding(
                "Rows that stand in several tables are equal",
                f"{_titles(tables)}, {_policy(row)}",
                "equal",
                "; ".join(unequal) or "equal",
                not unequal,
            )


def _columns_are_ordered() -> Iterator[Finding]:
    """Margins rise with n (Section 6.3); with β the policy stays nearer to the reference model."""
    for table, method, column in product(("table6", "table7"), ("bt", "hps"), MARGINS):
        numbers = _by_size(table, method, column)
        yield _ordered(f"{column_title(column)} rises with n", table, method, "rising", numbers)
    for method in ("bt", "hps"):
        kl = _by_beta(method, "kl")
        yield _ordered("KL falls with β", "table8", method, "falling", kl)
        sizes = {beta: abs(margin) for beta, margin in _by_beta(method, "rm_dpo").items()}
        check = "|RM_DPO| falls with β, as KL does"
        yield _ordered(check, "table8", method, "falling", sizes)


def _nothing_stands_out() -> Iterator[Finding]:
    """BLEU and Reward, which "remain stable" (Section 6.3)."""
    for table, column in product(("table6", "table7", "table8"), ("bleu", "reward_score")):
        rows = {row: printed[column] for row, printed in _rows(table).items()}
        far = [_apart(row, rows) for row in rows if _is_far(row, rows)]
        yield Finding(
            "No number stands out of its column",
            f"{table_title(table)}, {column_title(column)}",
            f"all within {_FAR} ranges of the others",
            "; ".join(far) or "so",
            not far,
        )


def _quotations_stand_in_tables() -> Iterator[Finding]:
    for section, text, table, policy, sets, column in _QUOTATIONS:
        reward, method = policy.split("-")
        group = Group(*sets)
        row = next(
            printed
            for (key, place), printed in _rows(table).items()
            if (key.reward, key.method, place) == (reward, method, group) and key.responses == 100
        )
        yield Finding(
            "Figures quoted in the text stand in the tables",
            f"{section}: {policy.upper()}, {table_title(table)}, {column_title(column)}",
            text,
            str(row[column]),
            Decimal(text) == row[column],
        )


_QUOTATIONS = (
    ("Section 6.1", "-0.795", "table2", "dpo-pl", (HH, HH), "rm_dpo"),
    ("Section 6.1", "-1.448", "table2", "dpo-pl", (HH, HH), "rm_rdpo"),
    ("Section 6.1", "2.723", "table2", "dpo-hps", (HH, HH), "rm_dpo"),
    ("Section 6.1", "2.040", "table2", "dpo-hps", (HH, HH), "rm_rdpo"),
    ("Section 6.1", "3.93", "table3", "dpo-hps", ("", ""), "quality_score"),
    ("Section 6.2", "0.219", "table5", "dpo-hps", (PKU, HH), "bleu"),
    ("Section 6.2", "0.310", "table5", "dpo-hps", (HH, PKU), "bleu"),
    ("Section 6.2", "0.219", "table5", "dpo-bt", (PKU, HH), "bleu"),
    ("Section 6.2", "0.308", "table5", "dpo-bt", (HH, PKU), "bleu"),
    ("Section 6.2", "5.725", "table5", "dpo-hps", (HH, PKU), "rm_dpo"),
    ("Section 6.2", "1.346", "table5", "dpo-bt", (HH, PKU), "rm_dpo"),
    ("Section 6.2", "2.903", "table5", "exo-hps", (HH, PKU), "rm_dpo"),
    ("Section 6.2", "-5.495", "table2", "exo-hps", (PKU, PKU), "rm_dpo"),
    ("Section 6.3", "2.040", "table6", "dpo-hps", (HH, HH), "rm_rdpo"),
    ("Section 6.3", "-0.455", "table6", "dpo-bt", (HH, HH), "rm_rdpo"),
)
"""Section, number as quoted, table, policy, training and test set, column; all at n = 100."""


def _rows(table: str) -> dict[Row, dict[str, Decimal]]:
    """Rows of a published table, in its order."""
    rows: dict[Row, dict[str, Decimal]] = defaultdict(dict)
    for figure in published_figures(table):
        rows[figure.key, figure.group][figure.column] = Decimal(figure.text)
    return dict(rows)


def _most_frequent(offsets: Sequence[Decimal]) -> Decimal:
    """The number that most offsets are within rounding of; of several, the nearest to them."""

    def support(candidate: Decimal) -> tuple[int, Decimal]:
        apart = [abs(offset - candidate) for offset in offsets]
        near = [distance for distance in apart if distance <= _UNIT]
        return len(near), -sum(near, Decimal(0))

    return max(offsets, key=support)


def _is_count(share: int, total: int) -> bool:
    """Whether thousandths of a per cent are a whole count of a total, rounded either way."""
    whole = 100_000
    nearest = round(share * total / whole)
    return 2 * abs(whole * nearest - share * total) <= total


def _half_width(total: int) -> str:
    """Half of a 95 % interval where it is widest, at 50 %."""
    return f"at {total} independent ones a share is ± {196 * sqrt(0.25 / total):.1f} points"


def _unequal(rows: Sequence[Printed]) -> Iterator[str]:
    for column in rows[0]:
        numbers = {row[column] for row in rows if column in row}
        if len(numbers) > 1:
            yield f"{column_title(column)} {', '.join(map(str, sorted(numbers)))}"


def _by_size(table: str, method: str, column: str) -> dict[str, Decimal]:
    rows = ((key, row) for (key, _), row in _rows(table).items() if key.method == method)
    return {f"n = {key.responses}": row[column] for key, row in rows}


def _by_beta(method: str, column: str) -> dict[str, Decimal]:
    rows = ((key, row) for (key, _), row in _rows("table8").items() if key.method == method)
    return {f"β = {key.beta:g}": row[column] for key, row in rows}


def _ordered(
    check: str,
    table: str,
    method: str,
    order: Literal["rising", "falling"],
    numbers: Mapping[str, Decimal],
) -> Finding:
    beyond = gt if order == "rising" else lt
    holds = all(beyond(after, before) for before, after in pairwise(numbers.values()))
    shown = ", ".join(f"{axis}: {number}" for axis, number in numbers.items())
    return Finding(check, f"{table_title(table)}, DPO-{method.upper()}", order, shown, holds)


def _is_far(row: Row, column: Mapping[Row, Decimal]) -> bool:
    low, high = _others(row, column)
    return max(column[row] - high, low - column[row]) > _FAR * (high - low)


def _apart(row: Row, column: Mapping[Row, Decimal]) -> str:
    low, high = _others(row, column)
    return f"{_policy(row)}: {column[row]}, others {low} to {high}"


def _others(row: Row, column: Mapping[Row, Decimal]) -> tuple[Decimal, Decimal]:
    others = [number for other, number in column.items() if other != row]
    return min(others), max(others)


def _titles(tables: Iterable[str]) -> str:
    *first, last = (table.removeprefix("table") for table in tables)
    return f"Tables {', '.join(first)} and {last}"


def _policy(row: Row) -> str:
    key, group = row
    return f"{row_title(key)} ({group.title})"
