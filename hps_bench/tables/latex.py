"""Tables as LaTeX fragments, for a paper or the report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hps_bench.tables.arrangement import Arrangement, arrange
from hps_bench.tables.display import ShownRow, ShownValue
from hps_bench.tables.escape import Latex, breakable, latex_text
from hps_bench.tables.latex_templates import latex_environment
from hps_bench.tables.table import Table

KEPT_TOGETHER = 16
"""Rows of a block that is not broken between pages."""

_DASH = Latex("{--}")
_PUBLISHED = Latex(r"\tablespread{published}")
_WIDEST_UNIT = "M"
_NUMERAL = re.compile(r"(?P<sign>(?:< )?-?)(?P<whole>\d+)(?:\.(?P<decimals>\d+))?(?P<unit> \w)?")


def latex_fragment(table: Table) -> str:
    r"""The table for ``\input`` into a document with booktabs and siunitx, its notes below."""
    arrangement = arrange(table)
    labels = len(arrangement.labels)
    headings = (Latex(f"{{{latex_text(heading)}}}") for heading in arrangement.columns)
    return (
        latex_environment("hps_bench.tables")
        .get_template("table.tex")
        .render(
            title=table.layout.title,
            columns=_column_types(arrangement),
            spans=_line([*[""] * labels, *_span_titles(arrangement)]),
            rules=_span_rules(arrangement),
            headings=_line([*arrangement.labels, *headings]),
            blocks=_blocks(arrangement.rows),
            kept_together=KEPT_TOGETHER,
            notes=table.notes,
            breakable=breakable,
        )
    )


def _column_types(arrangement: Arrangement) -> Latex:
    by_column = zip(*(row.values for row in arrangement.rows), strict=True)
    types = (_column_type([value.mean for value in values]) for values in by_column)
    return Latex("l" * len(arrangement.labels) + "".join(types))


def _column_type(numbers: Iterable[str]) -> str:
    """Column that aligns numbers at their points; text in it is centred.

    siunitx reserves the room that ``table-format`` says: sign, digits before and after the point.
    """
    parts = [found.groupdict("") for number in numbers if (found := _NUMERAL.match(number))]
    if not parts:
        return "c"
    sign = "".join(mark for mark in "<-" if any(mark in part["sign"] for part in parts))
    whole, decimals = (max(len(part[name]) for part in parts) for name in ("whole", "decimals"))
    unit = (
        rf",table-space-text-post=\,{_WIDEST_UNIT}" if any(part["unit"] for part in parts) else ""
    )
    return f"S[table-format={sign}{whole}.{decimals}{unit}]"


def _span_titles(arrangement: Arrangement) -> Iterable[Latex]:
    for title, columns in arrangement.spans:
        yield Latex(rf"\multicolumn{{{columns}}}{{c}}{{{latex_text(title)}}}")


def _span_rules(arrangement: Arrangement) -> Latex:
    rules, start = [], len(arrangement.labels) + 1
    for _, columns in arrangement.spans:
        rules.append(rf"\cmidrule(lr){{{start}-{start + columns - 1}}}")
        start += columns
    return Latex(" ".join(rules))


def _blocks(rows: Iterable[ShownRow]) -> list[list[list[Latex]]]:
    """Lines by row, and rows by block."""
    blocks: list[list[list[Latex]]] = []
    for row in rows:
        if row.starts_block:
            blocks.append([])
        blocks[-1].append(_row_lines(row))
    return blocks


def _row_lines(row: ShownRow) -> list[Latex]:
    """Means, then their spread, then the paper's numbers where there are any."""
    indent = [""] * (len(row.labels) - 1)
    lines = [_line([*row.labels, *map(_mean, row.values)])]
    spreads = [_small(value.spread) for value in row.values]
    if row.status or any(spreads):
        status = Latex(rf"\tablespread{{{latex_text(row.status)}}}") if row.status else ""
        lines.append(_line([*indent, status, *spreads]))
    if row.has_published:
        published = [_small(value.published) for value in row.values]
        lines.append(_line([*indent, _PUBLISHED, *published]))
    return lines


def _mean(value: ShownValue) -> Latex:
    """A number that siunitx aligns; the line below a second best one takes no room."""
    found = _NUMERAL.fullmatch(value.mean)
    if not found:
        return _DASH
    number = value.mean.removesuffix(found["unit"] or "")
    best = r"\tablebest " if value.mark == "best" else ""
    line = rf"\tablesecond{{{number}}}" if value.mark == "second" else ""
    unit = rf"\,{found['unit'].strip()}" if found["unit"] else ""
    after = f" {{{line}{unit}}}" if line or unit else ""
    return Latex(f"{best}{number}{after}")


def _small(number: str) -> Latex:
    """Numerals in math mode, for the width of the minus sign."""
    numerals = number.replace("±", r"\pm").replace(" ", r"\,")
    return Latex(rf"{{\tablespread{{$\mathrm{{{numerals}}}$}}}}" if number else "")


def _line(cells: Sequence[str]) -> Latex:
    return Latex(" & ".join(latex_text(cell) for cell in cells))
