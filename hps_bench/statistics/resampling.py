"""Resampling of statistics of sums over prompts: the bootstrap, and random exchanges.

Everywhere, ``terms`` has one array (prompts, k) per seed, where a row of zeros stands for no
prompt, and ``statistic`` maps sums (m, k) over prompts to values (m,).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]

_AT_ONCE = 100
"""Resamples that are drawn together, for the memory they take."""

_ROUNDING = 1e-9
"""Share of the observed value by which an equal one may fall short of it."""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and the bounds that the bootstrap gives it.

    Attributes:
        mean: mean over seeds of each seed's value.
        low: lower bound.
        high: upper bound.
        seeds: seeds with at least one value.
        prompts: prompts with a value in at least one seed; the fewest of any seed when the
            seeds have test sets of their own.
    """

    mean: float
    low: float
    high: float
    seeds: int
    prompts: int


def bootstrap_interval(
    terms: Sequence[Array],
    statistic: Statistic,
    rng: np.random.Generator,
    level: float,
    resamples: int,
) -> Interval:
    """Mean over seeds of a statistic, with its hierarchical percentile bootstrap interval.

    Raises:
        ValueError: no prompt has a value.
    """
    terms = [array for array in terms if array.any()]
    if not terms:
        raise ValueError("no prompt has a value")
    estimates = [statistic(array.sum(axis=0, keepdims=True))[0] for array in terms]
    draws = resampled(terms, statistic, rng, resamples)
    tail = (1 - level) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    prompts = min(len(_evaluated(block)) for block in _blocks(terms))
    return Interval(float(np.mean(estimates)), float(low), float(high), len(terms), prompts)


def resampled(
    terms: Sequence[Array], statistic: Statistic, rng: np.random.Generator, resamples: int
) -> Array:
    """Means over resampled seeds of a statistic of resampled prompts, shape (resamples,).

    Arrays of equal length list the same prompts: a resample draws the same for every seed.
    """
    blocks = [_evaluated(block) for block in _blocks(terms)]
    apart = len(blocks)
    draws = [_by_seed(blocks, len(terms), statistic, rng, resamples) for _ in range(apart)]
    seeds = rng.integers(len(terms), size=(len(terms), resamples))
    chosen = [
        draw[np.arange(resamples), seed] for draw, seed in zip(cycle(draws), seeds, strict=False)
    ]
    return np.asarray(np.mean(chosen, axis=0))


def resampled_sums(block: Array, rng: np.random.Generator, resamples: int) -> Array:
    """Sums over prompts drawn with replacement.

    Args:
        block: summands, shape (prompts, k).
        rng: source of the resamples.
        resamples: number of resamples.

    Returns:
        Shape (resamples, k).
    """
    prompts = len(block)
    sums = np.empty((resamples, block.shape[1]))
    for start in range(0, resamples, _AT_ONCE):
        part = sums[start : start + _AT_ONCE]
        drawn = rng.integers(prompts, size=(len(part), prompts))
        places = drawn + prompts * np.arange(len(part))[:, None]
        counts = np.bincount(places.ravel(), minlength=len(part) * prompts)
        part[:] = counts.reshape(len(part), prompts).astype(float) @ block
    return sums


def randomisation_p(
    terms: Sequence[Array],
    exchanged: Sequence[Array],
    statistic: Statistic,
    rng: np.random.Generator,
    exchanges: int,
) -> float:
    """Two-sided p of approximate randomisation: the share of random exchanges as extreme.

    An exchange takes each prompt's terms, of all seeds together, from ``terms`` or from
    ``exchanged`` with equal chances. The observed assignment counts as one of the exchanges, so
    p is never 0. Source: Noreen 1989; Phipson and Smyth 2010 for the count.

    Args:
        terms: one array per seed, all of the same prompts.
        exchanged: the same with the two policies exchanged.
        statistic: a difference, which the exchange of all prompts turns into its negative.
        rng: source of the exchanges.
        exchanges: how many.
    """
    both = [pair for pair in zip(terms, exchanged, strict=True) if pair[0].any()]
    observed_sums = np.hstack([kept.sum(axis=0) for kept, _ in both])[None]
    change = np.hstack([other - kept for kept, other in both])

    def distance(sums: Array) -> Array:
        parts = np.split(sums, len(both), axis=1)
        return np.asarray(np.abs(np.mean([statistic(part) for part in parts], axis=0)))

    least = distance(observed_sums)[0] * (1 - _ROUNDING)
    # In one draw, as sacreBLEU does, so that the same generator gives the same exchanges.
    drawn = rng.integers(2, size=(exchanges, len(change)), dtype=bool)
    extreme = 0
    for start in range(0, exchanges, _AT_ONCE):
        sums = observed_sums + drawn[start : start + _AT_ONCE].astype(float) @ change
        extreme += int((distance(sums) >= least).sum())
    return (extreme + 1) / (exchanges + 1)


def _blocks(terms: Sequence[Array]) -> Sequence[Array]:
    """Terms of all seeds side by side where these have the same prompts."""
    return [np.hstack(terms)] if len({len(array) for array in terms}) == 1 else terms


def _evaluated(block: Array) -> Array:
    """Rows of an array (prompts, k) that stand for a prompt."""
    return block[block.any(axis=1)]


def _by_seed(
    blocks: Sequence[Array],
    seeds: int,
    statistic: Statistic,
    rng: np.random.Generator,
    resamples: int,
) -> Array:
    """The statistic of resampled prompts, shape (resamples, seeds)."""
    sums = np.hstack([resampled_sums(block, rng, resamples) for block in blocks])
    return np.column_stack([statistic(part) for part in np.split(sums, seeds, axis=1)])
