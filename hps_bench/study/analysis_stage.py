"""The ``study analyse`` command: ratings in; the analysis and its tables out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hps_bench.errors import UserError
from hps_bench.paper_comparison.typesetting import html_page, latex_fragment
from hps_bench.records import atomic_path, write_json
from hps_bench.study.analysis import Analysis, analyse
from hps_bench.study.criteria import OVERALL
from hps_bench.study.long_form import agreement_csv, raters_csv
from hps_bench.study.ratings import RATINGS_FILE, RatedStudy, read_study
from hps_bench.study.sheets import agreement_sheet, raters_sheet
from hps_bench.study.titles import AGREEMENT, RATERS
from hps_bench.tables.settings import TableSettings

ANALYSIS = "analysis.json"


def write_analysis(folder: Path, settings: TableSettings, tables: Path) -> dict[str, Any]:
    """Write ``analysis.json`` and the tables of agreement and of raters.

    Args:
        folder: of the study, with its assignment, key and ratings.
        settings: level, resamples and seed of the intervals.
        tables: folder of the tables.

    Returns:
        Counts of raters and responses, who fails, and whether raters are simulated.

    Raises:
        UserError: there are no submitted ratings, or a file is damaged.
    """
    found = analyse(_submitted(folder), settings)
    write_json(folder / ANALYSIS, _as_json(found))
    by_table = {
        AGREEMENT: (agreement_csv(found), agreement_sheet(found)),
        RATERS: (raters_csv(found), raters_sheet(found)),
    }
    for name, (table, sheet) in by_table.items():
        texts = {"csv": table, "tex": latex_fragment(sheet), "html": html_page(sheet)}
        _write(tables, name, texts)
    return _summary(found)


def _write(tables: Path, name: str, texts: Mapping[str, str]) -> None:
    for kind, text in texts.items():
        with atomic_path(tables / f"{name}.{kind}") as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")


def _submitted(folder: Path) -> RatedStudy:
    study = read_study(folder)
    if not study.raters:
        raise UserError(
            f"{folder / RATINGS_FILE}: nobody has submitted ratings; export or import them first"
        )
    return study


def _as_json(found: Analysis) -> dict[str, Any]:
    return {**asdict(found), "statistics": found.statistics.model_dump()}


def _summary(found: Analysis) -> dict[str, Any]:
    overall = found.everyone.agreement[OVERALL]
    return {
        "simulated": found.simulated,
        "raters": f"{len(found.everyone.raters)} of {found.asked}",
        "failing": {of.rater: list(of.reasons) for of in found.raters if of.reasons},
        "alpha": round(overall.alpha, 3) if overall else None,
        "overall": {
            policy: round(mean.mean, 2)
            for policy, scores in found.everyone.means.items()
            if (mean := scores[OVERALL])
        },
    }
