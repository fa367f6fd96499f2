"""How far raters agree: Krippendorff's α for ordinal scores, with a bootstrap over items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's α and the bounds that the bootstrap over items gives it.

    Attributes:
        alpha: 1 for full agreement, 0 for what chance gives.
        low: lower bound.
        high: upper bound.
        units: responses with at least two scores.
        scores: scores of these.
    """

    alpha: float
    low: float
    high: float
    units: int
    scores: int


def ordinal_alpha(scores: NDArray[np.floating]) -> float:
    """Krippendorff's α with the ordinal difference.

    That difference of two values, of Krippendorff 2019, "Content Analysis", section 12.3.3, is
    the one of their mid-ranks among all scores that can be paired, so α is the one of interval
    data computed from mid-ranks.

    Args:
        scores: shape (raters, units), NaN where a rater has none.

    Returns:
        NaN where fewer than two values occur in units with two scores.
    """
    counts = _value_counts(scores)
    return _alpha(counts, np.ones(len(counts)))


def agreement(
    scores: NDArray[np.floating],
    items: NDArray[np.generic],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 1000,
) -> Agreement | None:
    """Krippendorff's α with its percentile interval.

    A resample draws items with replacement and takes all responses of an item together: what is
    said of one of them depends on the others. Raters stay the same.

    Args:
        scores: shape (raters, units), NaN where a rater has none.
        items: item of each unit, shape (units,).
        rng: source of the resamples.
        level: coverage of the interval.
        resamples: number of bootstrap resamples.

    Returns:
        None where α is not defined.
    """
    counts = _value_counts(scores)
    alpha = _alpha(counts, np.ones(len(counts)))
    if np.isnan(alpha):
        return None
    names, item_of = np.unique(items[_paired(scores)], return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    draws = [_alpha(counts, times[item_of].astype(float)) for times in drawn]
    tail = (1 - level) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Agreement(alpha, float(low), float(high), len(counts), int(counts.sum()))


def _paired(scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Units with at least two scores."""
    return np.asarray(np.isfinite(scores).sum(axis=0) > 1)


def _value_counts(scores: NDArray[np.floating]) -> Array:
    """How often each value occurs in each unit that counts, shape (units, values)."""
    kept = np.asarray(scores, dtype=float)[:, _paired(scores)]
    scored = np.isfinite(kept)
    values, places = np.unique(kept[scored], return_inverse=True)
    counts = np.zeros((kept.shape[1], len(values)))
    np.add.at(counts, (np.nonzero(scored)[1], places), 1.0)
    return counts


def _alpha(counts: Array, times: Array) -> float:
    """α of value counts, where each unit counts ``times``, shape (units,), in place of once."""
    totals = times @ counts
    scores = totals.sum()
    ranks = np.cumsum(totals) - totals / 2 - scores / 2
    number = counts.sum(axis=1)
    within = number * (counts @ ranks**2) - (counts @ ranks) ** 2
    observed = times @ (within / (number - 1))
    expected = totals @ ranks**2 * scores / max(scores - 1, 1)
    return float(1 - observed / expected) if expected > 0 else float("nan")
