"""Where differences vary: between seeds, between prompts, and within both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hps_bench.statistics.resampling import Array


@dataclass(frozen=True)
class VarianceComponents:
    """Differences by seed s and prompt p as δ + a_s + b_p + e_sp, with a, b, e random.

    Attributes:
        mean: estimate of δ.
        seed: variance of a.
        prompt: variance of b.
        residual: variance of e.
        seeds: S, how many the estimates are from.
        prompts: P, how many.
    """

    mean: float
    seed: float
    prompt: float
    residual: float
    seeds: int
    prompts: int

    def standard_error(self, seeds: ArrayLike) -> Array:
        """Of the mean over this many seeds and the same number of prompts."""
        n = np.asarray(seeds, dtype=float)
        return np.sqrt(self.seed / n + (self.prompt + self.residual / n) / self.prompts)

    def degrees_of_freedom(self, seeds: ArrayLike) -> Array:
        """Of that standard error, by Satterthwaite 1946; NaN where nothing varies."""
        n = np.asarray(seeds, dtype=float)
        by_seed = self.prompts * self.seed + self.residual
        by_prompt = n * self.prompt + self.residual
        total = by_seed + by_prompt - self.residual
        spread = by_seed**2 + (by_prompt**2 * (n - 1) + self.residual**2) / (self.prompts - 1)
        with np.errstate(invalid="ignore"):
            return np.asarray(total**2 * (n - 1) / spread)


def variance_components(
    differences: Sequence[NDArray[np.floating]],
) -> VarianceComponents | None:
    """Variance components by the analysis of variance, prompts crossed with seeds.

    A component whose estimate is negative is 0. Source: Searle, Casella and McCulloch 1992,
    "Variance components", section 4.5.

    Args:
        differences: one array per seed, shape (prompts,), of the same prompts in the same order;
            a prompt counts where every seed has a value.

    Returns:
        None with fewer than two seeds or two prompts.
    """
    if len({len(array) for array in differences}) != 1:
        return None
    stacked = np.stack(differences).astype(float)
    table = stacked[:, np.isfinite(stacked).all(axis=0)]
    seeds, prompts = table.shape
    if min(seeds, prompts) < 2:
        return None
    mean = table.mean()
    by_seed, by_prompt = table.mean(axis=1), table.mean(axis=0)
    rest = table - by_seed[:, None] - by_prompt + mean
    residual = float((rest**2).sum() / ((seeds - 1) * (prompts - 1)))
    return VarianceComponents(
        mean=float(mean),
        seed=max(0.0, float(by_seed.var(ddof=1)) - residual / prompts),
        prompt=max(0.0, float(by_prompt.var(ddof=1)) - residual / seeds),
        residual=residual,
        seeds=seeds,
        prompts=prompts,
    )


def random_effects_test(components: VarianceComponents) -> float:
    """Two-sided p of the t test that δ is 0, with seeds and prompts both random.

    It asks about new seeds on new prompts: the quasi-F test of Clark 1973, "The
    language-as-fixed-effect fallacy", for one mean.
    """
    from scipy.stats import t

    error = float(components.standard_error(components.seeds))
    if error == 0:
        return 1.0 if components.mean == 0 else 0.0
    freedom = components.degrees_of_freedom(components.seeds)
    return float(2 * t.sf(abs(components.mean) / error, freedom))
