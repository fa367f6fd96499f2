"""The comparison as CSV, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from hps_bench.paper_comparison.checking import CheckedFormula
from hps_bench.paper_comparison.consistency import Finding
from hps_bench.paper_comparison.values import ComparedFigure
from hps_bench.tables.escape import spreadsheet_text

VALUE_COLUMNS = (
    *("table", "reward", "method", "opponent", "responses", "beta", "trained_on", "evaluated_on"),
    *("metric", "published", "rounding", "ours", "low", "high", "seeds", "prompts"),
    *("difference", "deviations", "verdict", "reason"),
)
CLAIM_COLUMNS = (
    *("claim", "source", "statement", "claimed", "unit", "formula", "variant"),
    *("published", "rounding", "outcome", "ours", "low", "high", "verdict", "reason"),
)
FINDING_COLUMNS = ("check", "place", "expected", "found", "holds")


def values_csv(compared: Iterable[ComparedFigure]) -> str:
    """One line per published figure, as printed."""
    return _csv(VALUE_COLUMNS, [_value_line(one) for one in compared])


def claims_csv(checked: Iterable[CheckedFormula]) -> str:
    """One line per formula of a claim."""
    return _csv(CLAIM_COLUMNS, [_claim_line(one) for one in checked])


def findings_csv(findings: Iterable[Finding]) -> str:
    """One line per check."""
    return _csv(FINDING_COLUMNS, [_finding_line(one) for one in findings])


def _value_line(one: ComparedFigure) -> dict[str, object]:
    figure, ours = one.figure, one.ours
    return {
        **{name: getattr(figure.key, name) for name in ("reward", "method", "opponent")},
        **{name: getattr(figure.key, name) for name in ("responses", "beta")},
        "table": figure.table,
        "trained_on": figure.group.trained_on,
        "evaluated_on": figure.group.evaluated_on,
        "metric": figure.column,
        "published": Decimal(figure.text),
        "rounding": figure.rounding,
        **({"ours": ours.mean, "low": ours.low, "high": ours.high} if ours else {}),
        **({"seeds": ours.seeds, "prompts": ours.prompts} if ours else {}),
        "difference": one.difference,
        "deviations": one.deviations,
        "verdict": one.verdict,
        "reason": one.reason,
    }


def _claim_line(one: CheckedFormula) -> dict[str, object]:
    claim, ours = one.claim, one.ours
    return {
        "claim": claim.name,
        "source": claim.source,
        "statement": claim.statement,
        "claimed": Decimal(claim.claimed) if claim.claimed else None,
        "unit": claim.unit,
        "formula": one.formula.description,
        "variant": one.formula.variant,
        "published": one.published,
        "rounding": one.rounding,
        "outcome": one.outcome,
        **({"ours": ours.mean, "low": ours.low, "high": ours.high} if ours else {}),
        "verdict": one.verdict,
        "reason": one.reason,
    }


def _finding_line(one: Finding) -> dict[str, object]:
    return {
        "check": one.check,
        "place": one.place,
        "expected": _number_or_text(one.expected),
        "found": _number_or_text(one.found),
        "holds": "yes" if one.holds else "no",
    }


def _csv(columns: Sequence[str], lines: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: _field(value) for name, value in line.items()})
    return text.getvalue()


def _number_or_text(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _field(value: object) -> object:
    return spreadsheet_text(value) if isinstance(value, str) else value
