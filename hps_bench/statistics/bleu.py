"""Corpus BLEU from sufficient statistics: intervals, paired differences and tests."""

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

BLEU_SMOOTHING = "exp"
"""sacreBLEU's default smoothing, and that of mteval-v13a.pl."""

_WIDTH = 10
"""Numbers of a segment: system and reference length, correct and total n-grams."""


def corpus_bleu_interval(
    statistics: Sequence[NDArray[np.number]],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 1000,
) -> Interval:
    """Corpus BLEU (0 to 1) with its interval, resampled as in :func:`mean_interval`.

    Each resample adds up the sufficient statistics of its prompts and computes BLEU anew
    (Koehn 2004, "Statistical significance tests for machine translation evaluation").

    Args:
        statistics: one array per seed, shape (prompts, 10): sacreBLEU's system length,
            reference length, correct and total n-grams of order 1 to 4; a row of NaN where
            a prompt was not evaluated.
        rng: source of the resamples.
        level: coverage of the interval.
        resamples: number of bootstrap resamples.

    Raises:
        ValueError: there is no row at all.
    """
    terms = [np.nan_to_num(np.asarray(array, dtype=float)) for array in statistics]
    return bootstrap_interval(terms, _corpus_bleu, rng, level, resamples)


def corpus_bleu_difference(
    first: Sequence[NDArray[np.number]],
    second: Sequence[NDArray[np.number]],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 1000,
) -> Interval:
    """Corpus BLEU of one policy less that of another, by the paired bootstrap (Koehn 2004).

    Both have the same prompts and the same seeds in every resample. With one seed, resamples are
    those of sacreBLEU's ``--paired-bs`` for the same generator.

    Args:
        first: as for :func:`corpus_bleu_interval`.
        second: of the other policy, with the same prompts and seeds in the same order.
        rng: source of the resamples.
        level: coverage of the interval.
        resamples: number of bootstrap resamples.

    Raises:
        ValueError: no prompt was evaluated for both.
    """
    terms = paired_bleu_terms(first, second)
    return bootstrap_interval(terms, bleu_differences, rng, level, resamples)


def corpus_bleu_randomisation_test(
    first: Sequence[NDArray[np.number]],
    second: Sequence[NDArray[np.number]],
    rng: np.random.Generator,
    exchanges: int = 10_000,
) -> float:
    """Two-sided p of approximate randomisation that two policies have the same corpus BLEU.

    As :func:`~hps_bench.statistics.means.randomisation_test`. With one seed, exchanges are those
    of sacreBLEU's ``--paired-ar`` for the same generator; a tie with the observed difference
    counts here, not there. Source: Riezler and Maxwell 2005, "On some pitfalls in automatic
    evaluation and significance testing for MT".
    """
    terms = paired_bleu_terms(first, second)
    if not any(array.any() for array in terms):
        return 1.0
    exchanged = [np.roll(array, _WIDTH, axis=1) for array in terms]
    return randomisation_p(terms, exchanged, bleu_differences, rng, exchanges)


def bleu_signature() -> str:
    """Signature of the BLEU that :func:`corpus_bleu_interval` computes, as sacreBLEU writes it."""
    from sacrebleu.metrics import BLEU

    metric = BLEU(smooth_method=BLEU_SMOOTHING)
    metric.corpus_score(["one segment"], [["one segment"]])
    return str(metric.get_signature())


def paired_bleu_terms(
    first: Sequence[NDArray[np.number]], second: Sequence[NDArray[np.number]]
) -> list[Array]:
    """Statistics of both side by side, shape (prompts, 20); zeros where one has none."""
    both = [np.hstack(pair).astype(float) for pair in zip(first, second, strict=True)]
    return [np.where(np.isfinite(array).all(axis=1, keepdims=True), array, 0.0) for array in both]


def bleu_differences(sums: Array) -> Array:
    """Differences of corpus BLEU, shape (m,), of sums (m, 20) of :func:`paired_bleu_terms`."""
    return _corpus_bleu(sums[:, :_WIDTH]) - _corpus_bleu(sums[:, _WIDTH:])


def _corpus_bleu(sums: Array) -> Array:
    from sacrebleu.metrics import BLEU

    scores = [
        BLEU.compute_bleu(
            correct=row[2:6],
            total=row[6:10],
            sys_len=row[0],
            ref_len=row[1],
            smooth_method=BLEU_SMOOTHING,
        ).score
        for row in (sums.round().astype(int).tolist())
    ]
    return np.array(scores) / 100
