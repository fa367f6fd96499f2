"""Joint bootstrap of many figures, for claims that combine them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hps_bench.paper_comparison.records import FigureKey, Measured
from hps_bench.statistics.resampling import resampled_sums

Array = NDArray[np.float64]


def joint_resamples(
    measured: Mapping[FigureKey, Measured], rng: np.random.Generator, resamples: int
) -> dict[FigureKey, Array]:
    """Means of figures over the same resampled seeds and prompts, each of shape (resamples,).

    As in :func:`~hps_bench.statistics.mean_interval`, a resample draws seeds and prompts with
    replacement. All figures of one test set share the drawn prompts, and all with the same number
    of seeds the drawn seeds, so that what policies have in common cancels in their differences.

    Args:
        measured: figures with a value for some prompt of each seed.
        rng: source of the resamples.
        resamples: number of resamples.
    """
    by_set: dict[str, list[FigureKey]] = defaultdict(list)
    for key in measured:
        by_set[key[-1].evaluated_on].append(key)
    counts = sorted({len(figure.by_seed) for figure in measured.values()})
    seeds = {count: rng.integers(count, size=(resamples, count)) for count in counts}
    return {
        key: np.take_along_axis(means, seeds[means.shape[1]], axis=1).mean(axis=1)
        for keys in by_set.values()
        for key, means in _by_seed({key: measured[key].by_seed for key in keys}, rng, resamples)
    }


def _by_seed(
    figures: Mapping[FigureKey, Sequence[pd.Series]], rng: np.random.Generator, resamples: int
) -> Iterator[tuple[FigureKey, Array]]:
    """Means by seed of the figures of one test set, each of shape (resamples, seeds)."""
    columns = [series for by_seed in figures.values() for series in by_seed]
    values = pd.concat(columns, axis=1).to_numpy(dtype=float)
    computed = np.isfinite(values)
    terms = np.hstack([np.where(computed, values, 0.0), computed.astype(float)])
    sums, numbers = np.hsplit(resampled_sums(terms, rng, resamples), 2)
    with np.errstate(invalid="ignore"):
        means = sums / numbers
    ends = np.cumsum([len(by_seed) for by_seed in figures.values()])
    yield from zip(figures, np.hsplit(means, ends[:-1]), strict=True)
