"""A study's analysis as CSV, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hps_bench.study.analysis import Analysis, Findings
from hps_bench.study.criteria import OVERALL
from hps_bench.study.titles import ratings_mark
from hps_bench.tables.escape import spreadsheet_text

Line = Mapping[str, object]

AGREEMENT_COLUMNS = (
    *("ratings", "raters", "quantity", "subject", "opponent", "score"),
    *("value", "low", "high", "p"),
)
RATER_COLUMNS = (
    *("ratings", "rater", "responses", "rated", "checks", "failed_checks", "median_seconds"),
    *("hasty", "mean", "deviation", "correlation", "drift", "low", "high", "p", "reasons"),
)


def agreement_csv(found: Analysis) -> str:
    """One line per number; ``raters`` says of which raters, ``all`` or ``passing``."""
    by_raters = {"all": found.everyone, "passing": found.passing}
    lines = (
        {"ratings": ratings_mark(found.simulated), "raters": raters, **line}
        for raters, findings in by_raters.items()
        if findings
        for line in _lines(findings)
    )
    return _csv(AGREEMENT_COLUMNS, lines)


def raters_csv(found: Analysis) -> str:
    """One line per rater; ``drift`` is a slope per task, with its bounds and p."""
    lines = (
        {
            **vars(report),
            **(vars(report.drift) if report.drift else {}),
            "drift": report.drift.slope if report.drift else None,
            "ratings": ratings_mark(found.simulated),
            "reasons": "; ".join(report.reasons),
        }
        for report in found.raters
    )
    return _csv(RATER_COLUMNS, lines)


def _lines(findings: Findings) -> Iterator[Line]:
    for policy, scores in findings.means.items():
        for score, found in scores.items():
            if found:
                yield _line("mean", policy, "", score, found.mean, vars(found))
    for score, agreed in findings.agreement.items():
        if agreed:
            yield _line("alpha", "", "", score, agreed.alpha, vars(agreed))
    for of in findings.win_rates:
        for outcome, share in vars(of.shares).items():
            bounds = {**vars(share), "p": of.p_sign if outcome == "win" else None}
            yield _line(outcome, of.first, of.second, OVERALL, share.mean, bounds)
    yield from _model_lines(findings)


def _model_lines(findings: Findings) -> Iterator[Line]:
    model = findings.model
    if model is None:
        return
    for policy, estimate in model.means.items():
        yield _line("model mean", policy, "", OVERALL, estimate.value, vars(estimate))
    for of in model.differences:
        bounds = {**vars(of.estimate), "p": of.p}
        yield _line("model difference", of.first, of.second, OVERALL, of.estimate.value, bounds)
    for source, variance in model.variances.items():
        yield _line("variance", source, "", OVERALL, variance, {})


def _line(quantity: str, subject: str, opponent: str, score: str, value: float, more: Line) -> Line:
    bounds = {name: more.get(name) for name in ("low", "high", "p")}
    places = {"quantity": quantity, "subject": subject, "opponent": opponent, "score": score}
    return {**places, "value": value, **bounds}


def _csv(columns: Sequence[str], lines: Iterable[Line]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow(
            {k: spreadsheet_text(v) if isinstance(v, str) else v for k, v in line.items()}
        )
    return text.getvalue()
