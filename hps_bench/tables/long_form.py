"""Tables as CSV in long form, for other programs."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator

from hps_bench.tables.escape import spreadsheet_text
from hps_bench.tables.table import Column, Row, Table, Value

CSV_COLUMNS = (
    "table",
    "reward",
    "method",
    "responses",
    "beta",
    "trained_on",
    "evaluated_on",
    "metric",
    "mean",
    "low",
    "high",
    "seeds",
    "prompts",
    "published",
    "note",
)


def csv_text(table: Table) -> str:
    """The table in long form: one line per value, unrounded; what is not there is empty.

    A table of comparisons has the column ``opponent``; where metrics have rows of their own,
    ``quantity`` says what of the metric a line is about. The human study counts ``raters`` in
    place of ``seeds``, and ``ratings`` says in every line who they are.
    """
    rated = table.layout.records == "study"
    counted = ["raters" if rated and name == "seeds" else name for name in CSV_COLUMNS]
    compared = ["opponent"] if any(row.key.opponent for row in table.rows) else []
    quantified = ["quantity"] if table.layout.compared else []
    columns = (*counted, *compared, *quantified, *(["ratings"] if rated else []))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_csv_lines(table))
    return text.getvalue()


def _csv_lines(table: Table) -> Iterator[dict[str, object]]:
    for row in table.rows:
        for column in table.columns:
            value = row.values[column]
            line = {
                **_place(table, row, column),
                **_numbers(column, value),
                "note": _note(table, value),
            }
            yield {
                name: spreadsheet_text(field) if isinstance(field, str) else field
                for name, field in line.items()
            }


def _place(table: Table, row: Row, column: Column) -> dict[str, object]:
    return {
        "table": table.layout.name,
        "reward": row.key.reward,
        "method": row.key.method,
        "responses": row.key.responses,
        "beta": row.key.beta,
        "trained_on": column.group.trained_on,
        "evaluated_on": column.group.evaluated_on,
        "metric": (row.key.metric or column.metric).name,
        "opponent": row.key.opponent,
        "quantity": column.metric.name,
        "ratings": table.layout.ratings,
    }


def _numbers(column: Column, value: Value) -> dict[str, object]:
    numbers: dict[str, object] = {"published": value.published}
    if value.interval:
        numbers |= {**dataclasses.asdict(value.interval), "raters": value.interval.seeds}
    if column.metric.is_p:
        numbers |= {"low": None, "high": None}
    return numbers


def _note(table: Table, value: Value) -> str:
    counts = f"{value.found}/{value.expected} {table.layout.counted}"
    notes = {
        "not asked for": value.expected == 0,
        f"missing ({counts})": value.missing,
        counts: value.partial,
        "not computed": value.found > 0 and value.interval is None,
        f"published value left out: {value.incomparable}": bool(value.incomparable),
    }
    return "; ".join(note for note, applies in notes.items() if applies)
