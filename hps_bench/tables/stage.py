"""The ``tables`` stage: evaluations, policies and judgements in; CSV, LaTeX and HTML out."""

from __future__ import annotations

from pathlib import Path

from hps_bench.records import atomic_path
from hps_bench.tables.build import build_table
from hps_bench.tables.html import html_page
from hps_bench.tables.latex import latex_fragment
from hps_bench.tables.long_form import csv_text
from hps_bench.tables.settings import TableJob


def write_table(name: str, job: TableJob, results: Path, output: Path) -> None:
    """Write ``{name}.csv``, ``{name}.tex`` and ``{name}.html`` under ``output``.

    Args:
        name: of the table, one of ``LAYOUTS``.
        job: the table's cells; missing results are marked in it.
        results: folder of one config's results, with ``evaluations``, ``policies``, ``judge``.
        output: folder of the tables.

    Raises:
        UserError: there is no such table, a file is damaged, or there is nothing to compare.
    """
    table = build_table(name, job, results)
    _write(output / f"{name}.csv", csv_text(table))
    _write(output / f"{name}.tex", latex_fragment(table))
    _write(output / f"{name}.html", html_page(table))


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
