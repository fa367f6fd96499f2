"""Tests over prompts by signs and ranks, and Holm's correction for several tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def sign_test(differences: NDArray[np.floating]) -> float:
    """Two-sided p of the exact sign test that differences are as often above 0 as below.

    Args:
        differences: one per prompt, shape (prompts,); zeros and NaN do not count.

    Returns:
        p, 1 where no difference counts.
    """
    from scipy.stats import binomtest

    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def signed_rank_test(differences: NDArray[np.floating]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test that differences are symmetric about 0.

    Exact for few differences, else by the normal approximation with the correction for ties, as
    scipy chooses. Arguments and result are those of :func:`sign_test`.
    """
    from scipy.stats import wilcoxon

    counted = differences[np.isfinite(differences) & (differences != 0)]
    return float(wilcoxon(counted).pvalue) if len(counted) else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of several tests for the chance of a single false positive.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

    Returns:
        Adjusted p-values in the order given, at most 1.
    """
    order = np.argsort(p_values, kind="stable")
    remaining = np.arange(len(p_values), 0, -1)
    stepped = np.minimum(np.asarray(p_values, dtype=float)[order] * remaining, 1.0)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(stepped)
    return [float(value) for value in adjusted]
