"""The ``theory`` stage: settings in; simulations of the theorems out, as CSV and figures."""

from __future__ import annotations

from pathlib import Path

from hps_bench.records import atomic_path
from hps_bench.theory import hardest_negative, label_noise, margins, summaries
from hps_bench.theory.figures import write_figures
from hps_bench.theory.margin_pages import pages
from hps_bench.theory.page import page
from hps_bench.theory.settings import TheorySettings

_PARTS = (summaries.tables, hardest_negative.tables, margins.tables, label_noise.tables)
"""Theorems 1, 2 and 3, and what noise in the labels does to the last."""


def write_theory(settings: TheorySettings, output: Path) -> dict[str, int]:
    """Simulate; write a CSV for each of ``settings.TABLES``, figures and pages under ``output``.

    The same settings give the same files.

    Returns:
        Rows of each table.
    """
    tables = {name: table for part in _PARTS for name, table in part(settings).items()}
    for name, table in tables.items():
        with atomic_path(output / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")
    write_figures(tables, output)
    for name, text in {"theorem-1": page(tables), **pages(tables)}.items():
        with atomic_path(output / f"{name}.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
    return {name: len(table) for name, table in tables.items()}
