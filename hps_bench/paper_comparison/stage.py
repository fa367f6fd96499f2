"""The ``paper_comparison`` stage: records in; values, claims and consistency out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from hps_bench.paper_comparison.checking import check_claims
from hps_bench.paper_comparison.claim_sheet import claim_sheet
from hps_bench.paper_comparison.consistency import check_tables
from hps_bench.paper_comparison.consistency_sheet import consistency_sheet
from hps_bench.paper_comparison.long_form import claims_csv, findings_csv, values_csv
from hps_bench.paper_comparison.records import measure
from hps_bench.paper_comparison.settings import ComparisonJob
from hps_bench.paper_comparison.sheets import Sheet
from hps_bench.paper_comparison.typesetting import html_page, latex_fragment
from hps_bench.paper_comparison.value_sheet import value_sheet
from hps_bench.paper_comparison.values import VERDICTS, compare_figures
from hps_bench.records import atomic_path


def write_comparison(job: ComparisonJob, results: Path, output: Path) -> dict[str, Any]:
    """Write ``values``, ``claims`` and ``consistency`` as CSV, LaTeX and HTML under ``output``.

    Args:
        job: where the paper has figures, and our cells there.
        results: folder of one config's results, with ``evaluations`` and ``judge``; what does not
            exist yet is missing.
        output: folder to write to.

    Returns:
        Numbers of figures by verdict, and of checks of the published tables that do not hold.

    Raises:
        UserError: a file is damaged.
    """
    measured = measure(job, results)
    compared = compare_figures(job.places, measured)
    checked = check_claims(compared, measured, job.statistics)
    findings = check_tables()
    _write(output, "values", values_csv(compared), value_sheet(compared, job.statistics))
    _write(output, "claims", claims_csv(checked), claim_sheet(checked, job.statistics))
    _write(output, "consistency", findings_csv(findings), consistency_sheet(findings))
    verdicts = Counter(one.verdict for one in compared)
    return {
        "figures": {verdict: verdicts[verdict] for verdict in VERDICTS},
        "inconsistent": sum(not finding.holds for finding in findings),
    }


def _write(output: Path, name: str, table: str, sheet: Sheet) -> None:
    texts = {"csv": table, "tex": latex_fragment(sheet), "html": html_page(sheet)}
    for kind, text in texts.items():
        with atomic_path(output / f"{name}.{kind}") as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
