"""Ratings out of the page's store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from hps_bench.errors import UserError
from hps_bench.records import atomic_path, write_rows
from hps_bench.schemas import RATINGS
from hps_bench.study.assignment import Assignment, Task
from hps_bench.study.criteria import SCORES
from hps_bench.study.page.store import SavedTask, Store
from hps_bench.study.ratings import refuse_other_source

Rating = dict[str, Any]


def export_ratings(store_file: Path, assignment: Assignment, output: Path) -> dict[str, int]:
    """Write the ratings that are saved, as parquet and as CSV beside it.

    A server may be running meanwhile.

    Args:
        store_file: of the page.
        assignment: that it serves.
        output: parquet file to write, schema ``RATINGS``.

    Returns:
        Numbers of rows, of raters who have begun, and of those who have submitted.

    Raises:
        UserError: the store is missing, or not of this assignment, or the file has ratings of
            another source.
    """
    if not store_file.is_file():
        raise UserError(f"{store_file}: no such file; 'hps-bench study links' makes it")
    store = Store.open(store_file, assignment)
    try:
        refuse_other_source(output, store.source)
        rows = list(ratings(store, assignment))
    finally:
        store.close()
    write_rows(output, rows, RATINGS)
    with atomic_path(output.with_suffix(".csv")) as temporary:
        pa.csv.write_csv(pa.Table.from_pylist(rows, schema=RATINGS), temporary)
    begun = {row["rater"]: row["submitted_at"] for row in rows}
    submitted = sum(at is not None for at in begun.values())
    return {"ratings": len(rows), "raters": len(begun), "submitted": submitted}


def ratings(store: Store, assignment: Assignment) -> Iterator[Rating]:
    """Rows of schema ``RATINGS``: all responses of the tasks that were saved, in order."""
    source = store.source
    for packet in assignment.raters:
        submitted_at = store.progress(packet.rater).submitted_at
        for number, task in enumerate(packet.tasks, start=1):
            saved = store.task(packet.rater, task.item)
            common = {
                "study": assignment.study,
                "rater": packet.rater,
                "task": number,
                "submitted_at": submitted_at,
                "source": source,
            }
            if saved.saved_at is not None:
                yield from ({**common, **row} for row in _rows(task, saved))


def _rows(task: Task, saved: SavedTask) -> Iterator[Rating]:
    for position, response in enumerate(task.responses, start=1):
        yield {
            "item": task.item,
            "response": response,
            "position": position,
            **{name: saved.scores.get((response, name)) for name in SCORES},
            "seconds": saved.seconds,
            "saved_at": saved.saved_at,
            "revisions": saved.revision,
        }
