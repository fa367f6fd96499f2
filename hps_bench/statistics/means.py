"""Means over prompts and seeds: their intervals, and tests that they are 0.

The difference of two policies is such a mean, of the differences by prompt and seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hps_bench.statistics.resampling import (
    Array,
    Interval,
    bootstrap_interval,
    randomisation_p,
)


def mean_interval(
    values: Sequence[NDArray[np.floating]],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 1000,
) -> Interval:
    """Mean of a metric with its hierarchical percentile bootstrap interval.

    A resample draws seeds with replacement and, within them, prompts. Arrays of equal length
    are taken to list the same prompts in the same order, and a resample then draws the same
    prompts for every seed: what makes a prompt easy is shared between the seeds. A few seeds
    understate the spread between seeds, by (seeds − 1)/seeds of its variance.

    Of differences between two policies this is the paired interval: both policies have the same
    prompts and the same seeds in every resample.

    Args:
        values: one array per seed, shape (prompts,); NaN where the metric was not computed.
        rng: source of the resamples.
        level: coverage of the interval.
        resamples: number of bootstrap resamples.

    Raises:
        ValueError: there is no value at all.
    """
    return bootstrap_interval([_terms(array) for array in values], _ratios, rng, level, resamples)


def randomisation_test(
    differences: Sequence[NDArray[np.floating]], rng: np.random.Generator, exchanges: int = 10_000
) -> float:
    """Two-sided p of approximate randomisation that the mean difference is 0.

    The two policies are exchanged on a random half of the prompts, for all seeds together. What
    is tested is these policies, not others that new seeds would give.

    Args:
        differences: one array per seed, shape (prompts,), of the same prompts in the same order;
            NaN does not count.
        rng: source of the exchanges.
        exchanges: how many; p is at least 1 / (exchanges + 1).

    Returns:
        p, 1 where no difference counts.
    """
    terms = [_terms(array) for array in differences]
    if not any(array.any() for array in terms):
        return 1.0
    return randomisation_p(terms, [array * [-1, 1] for array in terms], _ratios, rng, exchanges)


def _terms(values: NDArray[np.floating]) -> Array:
    """Values and ones, shape (prompts, 2); zeros where there is no value."""
    computed = np.isfinite(values)
    return np.column_stack([np.where(computed, values, 0.0), computed.astype(float)])


def _ratios(sums: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1])
