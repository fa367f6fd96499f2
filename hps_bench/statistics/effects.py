"""Sizes of paired differences that do not depend on a metric's unit, nor on how many seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hps_bench.statistics.means import mean_interval
from hps_bench.statistics.resampling import Array, Interval, bootstrap_interval

_NO_SPREAD = 1e-20
"""Variance over squared mean, below which differences are taken for equal."""


def standardised_difference(
    differences: Sequence[NDArray[np.floating]],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 1000,
) -> Interval | None:
    """Cohen's d_z with its interval, resampled as in :func:`mean_interval`.

    The mean difference over its standard deviation across prompts, within each seed; the mean
    over seeds. Source: Cohen 1988, "Statistical power analysis", section 2.3.5.

    Args:
        differences: one array per seed, shape (prompts,); NaN does not count.
        rng: source of the resamples.
        level: coverage of the interval.
        resamples: number of bootstrap resamples.

    Returns:
        None where all differences of a seed are equal, or none counts.
    """
    terms = [_moments(array) for array in differences if np.isfinite(array).any()]
    totals = [_standardised(array.sum(axis=0, keepdims=True)) for array in terms]
    if not terms or np.isnan(totals).any():
        return None
    return bootstrap_interval(terms, _standardised, rng, level, resamples)


def dominance(
    differences: Sequence[NDArray[np.floating]],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 1000,
) -> Interval:
    """Cliff's δ within pairs, −1 to 1, with its interval, resampled as in :func:`mean_interval`.

    The share of prompts with a difference above 0 less the share below 0. Source: Cliff 1993,
    "Dominance statistics", d_w. Arguments are those of :func:`standardised_difference`.

    Raises:
        ValueError: no difference counts.
    """
    return mean_interval([np.sign(array) for array in differences], rng, level, resamples)


def _moments(differences: NDArray[np.floating]) -> Array:
    """Terms of :func:`_standardised`, shape (prompts, 4).

    Squares are taken about the mean, for their digits.
    """
    computed = np.isfinite(differences)
    kept = np.where(computed, differences, 0.0)
    centred = np.where(computed, kept - kept.sum() / computed.sum(), 0.0)
    return np.column_stack([kept, centred, centred**2, computed.astype(float)])


def _standardised(sums: Array) -> Array:
    """Mean over standard deviation (n − 1); NaN where there is no spread."""
    total, centred, squares, count = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        variance = (squares - centred**2 / count) / (count - 1)
        return np.where(variance > _NO_SPREAD * mean**2, mean / np.sqrt(variance), np.nan)
