"""What a run of the workflow ends with: where to look, or what is missing."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from hps_bench.errors import UserError
from hps_bench.folders import SO_FAR
from hps_bench.report.typesetting import missing_files, what_to_install
from hps_bench.workflow import Workflow

INDEX = "index.html"
INDEX_SO_FAR = "index-so-far.html"
"""The page of what is in :data:`~hps_bench.folders.SO_FAR`."""
REPORT = "report/report.tex"
REPORT_PDF = "report/report.pdf"


def write_all_tables(suite: Workflow) -> Path:
    """Write every table from the records that exist; missing cells are shown as missing.

    Returns:
        The folder of the tables.
    """
    from hps_bench.paper_comparison.stage import write_comparison
    from hps_bench.report.stage import write_report
    from hps_bench.tables.stage import write_table

    results = Path(suite.results)
    for name in suite.config.tables:
        write_table(name, suite.table_job(name), results, results / SO_FAR.tables)
    write_comparison(suite.comparison, results, results / SO_FAR.comparisons)
    write_report(suite.config, results, results / SO_FAR.tables, SO_FAR)
    return results / SO_FAR.tables


def write_all_figures(suite: Workflow) -> Iterator[str]:
    """Draw every figure from the records that exist.

    Yields:
        Figures that are left out, for want of records, and at last their folder.
    """
    from hps_bench.figures.stage import write_figure

    folder = Path(suite.results) / SO_FAR.figures
    for name in suite.config.figures:
        if not write_figure(name, suite.figure_job(name), Path(suite.results), folder):
            yield f"{name}: left out, there are no records to draw it from"
    yield f"{len(suite.config.figures)} figures in {folder}"


def write_index_so_far(suite: Workflow) -> Path:
    """Write the page of all results with the tables and figures that were written so far.

    Returns:
        The page.
    """
    from hps_bench.index_page.page import write_index

    results = Path(suite.results)
    write_index(suite.config, results, results / INDEX_SO_FAR, SO_FAR)
    return results / INDEX_SO_FAR


def after_success(suite: Workflow, targets: Iterable[str]) -> str:
    """Say where the results are; tables of an earlier, failed run go.

    Args:
        suite: the workflow.
        targets: files that were asked for.

    Raises:
        UserError: some are not there. Snakemake 9.27 overlooks what is missing behind an
            ``ancient`` input whose job has run.
    """
    asked = [str(path) for path in targets]
    if left := [path for path in asked if not Path(path).exists()]:
        raise UserError(
            f"{len(left)} files are still to do ({left[0]} first); run the same command"
        )
    results = Path(suite.results)
    for folder in (SO_FAR.tables, SO_FAR.figures):
        shutil.rmtree(results / folder, ignore_errors=True)
    (results / INDEX_SO_FAR).unlink(missing_ok=True)
    return "\n".join(
        [
            f"Done. Results of {suite.config.name!r} are in {suite.results}:",
            *(f"  {file}" for file in _to_read(suite, asked)),
            *([what_to_install()] if str(results / REPORT) in asked and missing_files() else []),
            "Browse the runs in MLflow: make ui",
        ]
    )


def after_failure(suite: Workflow) -> str:
    """Show what there is, record failed runs, and say how to go on."""
    from hps_bench.tracking.upload import upload

    lines = [f"Some jobs failed; finished ones are kept in {suite.results}."]
    try:
        *_, figures = write_all_figures(suite)
        lines.append(f"Tables, with missing cells marked: {write_all_tables(suite)}")
        lines.append(figures)
        lines.append(f"All results so far on one page: {write_index_so_far(suite)}")
        lines.append(str(upload(Path(suite.results), settings=suite.tracking)))
    except (UserError, OSError) as error:
        lines.append(str(error))
    lines.append("Mend what the logs above say and run the same command: finished work is kept.")
    return "\n".join(lines)


def _to_read(suite: Workflow, asked: Collection[str]) -> Iterator[Path]:
    """Files to open: the page of all results and the report, where they are new, else tables."""
    results = Path(suite.results)
    if str(results / INDEX) in asked:
        yield results / INDEX
    else:
        tables = (results / "tables" / f"{name}.html" for name in suite.config.tables)
        yield from filter(Path.is_file, tables)
    if {str(results / REPORT), str(results / REPORT_PDF)} & set(asked):
        pdf = results / REPORT_PDF
        yield pdf if pdf.is_file() else results / REPORT
