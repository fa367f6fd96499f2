"""Claims recomputed: from the published tables, and from our results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hps_bench.paper_comparison.claims import CLAIMS, Claim
from hps_bench.paper_comparison.formulas import Figures, Formula, Number
from hps_bench.paper_comparison.records import FigureKey, Measured
from hps_bench.paper_comparison.resampling import joint_resamples
from hps_bench.paper_comparison.titles import TABLES
from hps_bench.paper_comparison.values import ComparedFigure, Verdict
from hps_bench.seeding import numpy_generator
from hps_bench.tables.published import PublishedFigure, half_unit, published_figures
from hps_bench.tables.settings import TableSettings

Outcome = Literal["holds", "does not hold", ""]
ClaimVerdict = Verdict | Literal["undecided", ""]


@dataclass(frozen=True)
class Estimate:
    """A number from our results, with the bounds that the joint bootstrap gives it.

    Attributes:
        mean: of our means.
        low: lower bound.
        high: upper bound.
        reversed: whether one of the comparisons that are counted does not hold, by the bootstrap
            of that one, at the same level over all of them (Bonferroni).
    """

    mean: float
    low: float
    high: float
    reversed: bool = False


@dataclass(frozen=True)
class CheckedFormula:
    """One formula of a claim.

    Attributes:
        claim: what the paper says.
        formula: how it was computed.
        published: what the published tables give.
        rounding: by how much rounding of their figures may move it.
        outcome: whether that is the claimed number; empty where none is claimed.
        ours: what our results give; None where some of them are not there.
        verdict: whether the claimed number lies within our interval, or whether so many
            comparisons hold; empty where none is claimed.
        reason: why there is no verdict where one could be.
    """

    claim: Claim
    formula: Formula
    published: float
    rounding: float
    outcome: Outcome
    ours: Estimate | None
    verdict: ClaimVerdict
    reason: str = ""


@dataclass(frozen=True)
class _Ours:
    """Our figures: their means, and means of joint resamples."""

    means: Figures
    resamples: Figures
    level: float

    def estimate(self, formula: Formula) -> Estimate:
        tail = (1 - self.level) / 2
        # A count between two others is none.
        method: Literal["inverted_cdf", "linear"] = (
            "inverted_cdf" if formula.comparisons else "linear"
        )
        resamples = formula.function(self.resamples)
        bounds = np.nanquantile(resamples, [tail, 1 - tail], method=method)
        low, high = map(float, bounds)
        mean = float(formula.function(self.means))
        return Estimate(mean, low, high, self._is_reversed(formula, tail))

    def _is_reversed(self, formula: Formula, tail: float) -> bool:
        holds = list(formula.comparisons(self.resamples)) if formula.comparisons else []
        return any(float(np.mean(one)) <= tail / len(holds) for one in holds)


def check_claims(
    compared: Iterable[ComparedFigure],
    measured: Mapping[FigureKey, Measured],
    settings: TableSettings,
) -> list[CheckedFormula]:
    """Every formula of every claim.

    Args:
        compared: from :func:`~hps_bench.paper_comparison.values.compare_figures`.
        measured: from :func:`~hps_bench.paper_comparison.records.measure`.
        settings: level, number and seed of the resamples.
    """
    published = {figure_key(f): f for table in TABLES for f in published_figures(table)}
    by_key = {figure_key(one.figure): one for one in compared}
    ours = _ours(by_key, measured, settings)
    return [
        _check(claim, formula, published, by_key, ours)
        for claim in CLAIMS
        for formula in claim.formulas
    ]


def figure_key(figure: PublishedFigure) -> FigureKey:
    """What a figure is about, whichever table prints it."""
    return figure.column, figure.key, figure.group


def published_numbers(figures: Iterable[PublishedFigure]) -> dict[FigureKey, Number]:
    """The paper's numbers by what they are about."""
    return {figure_key(figure): np.asarray(figure.value) for figure in figures}


def _ours(
    compared: Mapping[FigureKey, ComparedFigure],
    measured: Mapping[FigureKey, Measured],
    settings: TableSettings,
) -> _Ours:
    rng = numpy_generator(settings.seed, "paper_comparison")
    chosen = {key: measured[key] for key, one in compared.items() if one.ours}
    resamples = joint_resamples(chosen, rng, settings.resamples) if chosen else {}
    means = {
        key: np.asarray(figure.interval.mean) for key, figure in chosen.items() if figure.interval
    }
    return _Ours(Figures(means), Figures(resamples), settings.level)


def _check(
    claim: Claim,
    formula: Formula,
    published: Mapping[FigureKey, PublishedFigure],
    compared: Mapping[FigureKey, ComparedFigure],
    ours: _Ours,
) -> CheckedFormula:
    numbers = _Noted(published_numbers(published.values()))
    number = float(formula.function(Figures(numbers)))
    asked = [published[key] for key in numbers.asked]
    # A count of comparisons is taken as printed.
    rounding = 0.0 if claim.counts else _rounding(formula, asked, number)
    outcome = _outcome(claim, number, rounding)
    found = [compared[key] for key in numbers.asked]
    estimate = ours.estimate(formula) if all(one.ours for one in found) else None
    lacking = next((one for one in found if one.reason), None)
    verdict = lacking.verdict if lacking else _verdict(claim, estimate)
    reason = lacking.reason if lacking else ""
    return CheckedFormula(claim, formula, number, rounding, outcome, estimate, verdict, reason)


class _Noted(dict[FigureKey, Number]):
    """Numbers that note which of them a formula asks for."""

    def __init__(self, numbers: Mapping[FigureKey, Number]) -> None:
        super().__init__(numbers)
        self.asked: dict[FigureKey, None] = {}

    def __getitem__(self, key: FigureKey) -> Number:
        self.asked[key] = None
        return super().__getitem__(key)


def _rounding(formula: Formula, asked: Sequence[PublishedFigure], result: float) -> float:
    """By how much rounding may move what a formula gives: the sum over its figures."""
    errors = np.diag([figure.rounding for figure in asked])
    values = np.array([[figure.value] for figure in asked])
    # In each column another figure is off, up and then down.
    off = values + np.hstack([errors, -errors])
    keys = map(figure_key, asked)
    moved = formula.function(Figures(dict(zip(keys, off, strict=True)))) - result
    return float(np.abs(moved).reshape(2, -1).max(axis=0).sum())


def _outcome(claim: Claim, number: float, rounding: float) -> Outcome:
    if not claim.claimed:
        return ""
    near = abs(number - float(claim.claimed)) <= rounding + _slack(claim)
    return "holds" if near else "does not hold"


def _verdict(claim: Claim, ours: Estimate | None) -> ClaimVerdict:
    if not claim.claimed or ours is None:
        return ""
    claimed = float(claim.claimed)
    if not claim.counts:
        slack = _slack(claim)
        return "agrees" if ours.low - slack <= claimed <= ours.high + slack else "differs"
    # A count of all that there are is the upper bound of any interval that tells little, and
    # resampling only ever takes from it.
    if ours.low >= claimed:
        return "agrees"
    return "differs" if ours.reversed else "undecided"


def _slack(claim: Claim) -> float:
    """How far a number may be from the claimed one that stands for it."""
    return 0.0 if claim.counts else half_unit(claim.claimed)
