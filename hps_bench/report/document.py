"""The report as LaTeX: what was run, and the tables, figures and comparisons that exist."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hps_bench.config import Config
from hps_bench.figures.catalogue import FigureInfo, find_figure, is_drawn
from hps_bench.folders import Folders
from hps_bench.index_page.cells import CellRow, cell_rows
from hps_bench.index_page.facts import facts
from hps_bench.integrity import check
from hps_bench.report.listings import EXPERIMENT_COLUMNS, experiment_rows, settings
from hps_bench.study.planning import is_simulated
from hps_bench.study.titles import TITLES, shown_title
from hps_bench.tables.escape import Latex, breakable
from hps_bench.tables.latex_templates import latex_environment
from hps_bench.tables.layout import dataset_title, find_layout
from hps_bench.tables.table import BASELINE, Group, RowKey
from hps_bench.theory.catalogue import THEOREMS

COMPARISONS = {
    "claims": "Claims of the paper",
    "values": "Published values beside ours",
    "consistency": "Consistency of the published tables",
}
"""Fragments of the comparison with the paper, and their titles."""

_NAMED_AT_MOST = 40


@dataclass(frozen=True)
class Part:
    """A file that the report shows.

    Attributes:
        title: its heading.
        path: relative to the report, without its suffix.
        caption: what it shows; empty where the file says so itself.
    """

    title: str
    path: Latex
    caption: str = ""


@dataclass(frozen=True)
class _Section:
    """Parts of one kind, and the titles of those that do not exist."""

    parts: tuple[Part, ...]
    left_out: tuple[str, ...]


def latex_report(config: Config, results: Path, output: Path, folders: Folders) -> str:
    r"""The report for pdfLaTeX, which reads its parts by ``\input`` and ``\includegraphics``.

    Args:
        config: what was asked for.
        results: folder of its results; a part that does not exist yet is named as left out.
        output: folder of the report.
        folders: of its parts.

    Raises:
        UserError: a record or a part is damaged, or there is no table or figure of a name.
    """
    rows = cell_rows(config, results)
    evaluated = {row.cell for row in rows if row.cell and row.status == "evaluated"}
    missing = [row for row in rows if row.status != "evaluated"]
    titles, of_study = _table_titles(config), _study_titles(config)
    return (
        latex_environment("hps_bench.report")
        .get_template("report.tex")
        .render(
            name=config.name,
            is_toy=any(dataset.format == "toy" for dataset in config.datasets.values()),
            evaluations=len(rows),
            missing_count=len(missing),
            missing=_titles(missing),
            experiment_columns=EXPERIMENT_COLUMNS,
            experiments=experiment_rows(config, evaluated),
            facts=[fact for fact in facts(config, results) if fact.heading != "Experiments"],
            settings=settings(config),
            tables=_fragments(titles, results / folders.tables, output),
            figures=_figures(config, results / folders.figures, output),
            theory=_theory(config, results / "theory", output),
            analyses=_fragments(of_study, results / folders.tables, output),
            comparisons=_fragments(COMPARISONS, results / folders.comparisons, output),
            breakable=breakable,
        )
    )


def _table_titles(config: Config) -> dict[str, str]:
    layouts = {name: find_layout(name) for name in config.tables}
    return {
        name: shown_title(layout.title, layout.records == "study" and is_simulated(config))
        for name, layout in layouts.items()
    }


def _study_titles(config: Config) -> dict[str, str]:
    """Of the tables that a study's analysis gives; none without a study."""
    names = TITLES if config.study else {}
    return {name: shown_title(title, is_simulated(config)) for name, title in names.items()}


def _fragments(titles: Mapping[str, str], folder: Path, output: Path) -> _Section:
    found = {name for name in titles if (folder / f"{name}.tex").is_file()}
    return _Section(
        tuple(
            Part(titles[name], _path(folder / f"{name}.tex", output))
            for name in titles
            if name in found
        ),
        tuple(title for name, title in titles.items() if name not in found),
    )


def _figures(config: Config, folder: Path, output: Path) -> _Section:
    infos = [find_figure(name) for name in config.figures]
    return _pictures(infos, {i.name for i in infos if is_drawn(folder, i.name)}, folder, output)


def _theory(config: Config, folder: Path, output: Path) -> _Section:
    infos = list(THEOREMS.values()) if config.theory else []
    there = {info.name for info in infos if (folder / f"{info.name}.pdf").is_file()}
    return _pictures(infos, there, folder, output)


def _pictures(
    infos: Sequence[FigureInfo], there: Collection[str], folder: Path, output: Path
) -> _Section:
    return _Section(
        tuple(
            Part(info.title, _path(folder / f"{info.name}.pdf", output), info.caption)
            for info in infos
            if info.name in there
        ),
        tuple(info.title for info in infos if info.name not in there),
    )


def _path(file: Path, output: Path) -> Latex:
    """Path of a file with a known name, as TeX reads it; TeX does not see damage."""
    check(file)
    return Latex(PurePosixPath(os.path.relpath(file.with_suffix(""), output)))


def _titles(rows: Sequence[CellRow]) -> list[str]:
    """Labels of cells, with their state where it is another one than missing."""
    named = [_title(row) for row in rows[:_NAMED_AT_MOST]]
    more = len(rows) - len(named)
    return [*named, f"and {more} more, which index.html lists"] if more else named


def _title(row: CellRow) -> str:
    state = "" if row.status == "missing" else f": {row.status}"
    cell = row.cell
    if cell is None:
        return f"{BASELINE.title} on {dataset_title(row.evaluated_on)}{state}"
    policy = RowKey(cell.reward, cell.method, cell.responses, cell.beta).title
    place = Group(cell.trained_on, cell.evaluated_on).title
    return f"{policy} on {place}, n = {cell.responses}, β = {cell.beta:g}, seed {cell.seed}{state}"
