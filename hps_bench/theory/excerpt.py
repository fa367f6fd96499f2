"""The tables of ``docs/theory*.md``, made from rows of the stage's CSV files that lie beside them.

After a run of the stage: ``python -m hps_bench.theory.excerpt results/paper/theory docs``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hps_bench.theory.margin_pages import margin_sections
from hps_bench.theory.page import sections

PAGES = ("theory.md", "theory-margins.md")

_KEPT = {
    "errors-means": (
        "scenario in ['theorem', 'other-estimate', 'skewed'] and prompts == 8192 "
        "and responses == 8 and measure in ['error', 'cosine', 'norm', 'regret']",
        "scenario == 'gamma' and method in ['hps', 'hps-corrected'] "
        "and measure in ['error', 'cosine', 'norm']",
        "scenario == 'practice' and measure in ['cosine', 'estimate_cosine']",
        "scenario == 'misspecified' and prompts in [128, 8192] and measure in ['cosine', 'regret']",
        "scenario == 'misspecified-practice' and prompts in [32, 512] "
        "and measure in ['cosine', 'regret']",
    ),
    "errors-slopes": (
        "scenario in ['theorem', 'other-estimate', 'skewed'] and against == 'prompts' "
        "and fixed == 8 and points > 2",
        "scenario == 'theorem' and against == 'responses' and fixed == 8192",
    ),
    "errors-bounds": ("scenario == 'theorem' and prompts == 8192",),
    "margins-means": (
        "world == 'practice' and kind == 'bound' and 1 <= limit <= 10 "
        "and measure in ['mean_margin', 'regret']",
    ),
}
"""Rows of each table of ``config/paper.yaml`` that the documents need, by alternatives."""

_DIGITS = "%.8g"
_SHOWN = re.compile(
    r"(?<=<!-- table: )([^\n]+?)( -->\n\n).*?(\n\n<!-- end of table -->)", re.DOTALL
)


def main(results: Path, docs: Path) -> None:
    """Keep the rows that documents need from a finished stage, and write their tables anew.

    Args:
        results: folder of the stage.
        docs: folder with ``PAGES``; rows go to its folder ``theory``.
    """
    for name, alternatives in _KEPT.items():
        table = pd.read_csv(results / f"{name}.csv")
        kept = table.query(" or ".join(f"({rows})" for rows in alternatives))
        file = docs / "theory" / f"{name}.csv"
        kept.to_csv(file, index=False, lineterminator="\n", float_format=_DIGITS)
    tables = kept_tables(docs / "theory")
    for name in PAGES:
        page = docs / name
        page.write_text(shown(page.read_text(encoding="utf-8"), tables), encoding="utf-8")


def kept_tables(folder: Path) -> dict[str, str]:
    """Tables in Markdown by heading, as the stage's pages have them, from the kept rows."""
    kept = {name: pd.read_csv(folder / f"{name}.csv") for name in _KEPT}
    return sections(kept) | margin_sections(kept)


def shown(page: str, tables: Mapping[str, str]) -> str:
    """A page with each ``<!-- table: heading -->`` followed by the table of that heading.

    Raises:
        KeyError: no table has the heading.
    """
    return _SHOWN.sub(lambda found: f"{found[1]}{found[2]}{tables[found[1]]}{found[3]}", page)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
