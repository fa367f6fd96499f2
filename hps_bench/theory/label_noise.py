"""Theorem 3 where labels are noisy: rankings come from a Plackett-Luce model, as in Theorem 1.

The winner of a noisy list is often not the response of the largest reward. If no direction gives
winners a positive mean margin over their hardest losers, θ = 0 minimises the hardest loss: it is
a convex, falling function of a margin, so its mean is at least its value at the mean margin
(Jensen), which is at most 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from hps_bench.seeding import numpy_generator
from hps_bench.theory.estimators import METHODS, Objective, Sampling, fit
from hps_bench.theory.hardest_negative import HardestLoss, hardest, runner_up
from hps_bench.theory.intervals import means_over_seeds
from hps_bench.theory.margin_maximiser import largest_mean_margin, winner_differences
from hps_bench.theory.margin_path import minimisers
from hps_bench.theory.settings import TheorySettings, World
from hps_bench.theory.world import Floats, draw_rankings, draw_truth

_HPS = "hps-full-n"
_METHODS = {
    "hardest": hardest,
    "runner-up": runner_up,
    **{method: METHODS[method] for method in (_HPS, "top-1", "pl")},
}
_KEYS = ["responses", "true_norm", "method", "gamma"]
_MEASURES = ["norm", "cosine", "largest_mean"]

_BOUND_RATIO = 2.0
"""B / ‖θ*‖."""
_COLLAPSED = 1e-3
"""Share of ‖θ*‖ below which an estimate is 0 but for the smoothing of the maximum."""


def tables(settings: TheorySettings) -> dict[str, pd.DataFrame]:
    """Estimates under noise, one row per seed, and their means over seeds."""
    found = estimates(settings)
    return {"noise": found, "noise-means": means_over_seeds(found, _KEYS, _MEASURES)}


def estimates(settings: TheorySettings) -> pd.DataFrame:
    """Minimisers of the losses, from noisy labels (a small ‖θ*‖) to nearly exact ones.

    r_est is the true reward: what HPS gets wrong here, no better reward model mends.

    Returns:
        One row per responses, ``true_norm`` ‖θ*‖, seed, method and γ (of HPS): ``norm`` ‖θ̂‖/‖θ*‖,
        ``cosine`` of θ̂ with θ*, NaN where θ̂ is 0; and ``largest_mean``, the largest mean margin
        that a θ of norm 1 has, 0 where every direction has a negative one.
    """
    grid = settings.margins
    return pd.DataFrame(
        [
            row
            for n in grid.noise_responses
            for norm in grid.noise_norms
            for seed in range(settings.seeds)
            for row in _rows(settings, n, norm, seed)
        ]
    )


def _rows(settings: TheorySettings, n: int, norm: float, seed: int) -> Iterator[dict[str, Any]]:
    world = World(norm=norm)
    # Not of the norm: the same features and noise under rewards of every size.
    rng = numpy_generator(settings.seed, "theory", "noise", seed, n)
    truth = draw_truth(world, rng)
    rankings = draw_rankings(world, truth, settings.margins.noise_prompts, n, rng)
    sampling = Sampling(rankings, settings.margins.gamma, rng)
    largest = largest_mean_margin(winner_differences(rankings.features))
    for name, method in _METHODS.items():
        theta = _estimate(method(sampling), _BOUND_RATIO * norm)
        yield {
            "responses": n,
            "true_norm": norm,
            "seed": seed,
            "method": name,
            "gamma": settings.margins.gamma if name == _HPS else None,
            "norm": float(np.linalg.norm(theta) / norm),
            "cosine": _cosine(theta, truth.theta),
            "largest_mean": float(np.linalg.norm(largest)),
        }


def _estimate(objective: Objective, bound: float) -> Floats:
    if isinstance(objective, HardestLoss):
        return minimisers(objective, [bound / 10, bound])[-1]
    return fit(objective, bound)


def _cosine(theta: Floats, true: Floats) -> float:
    norms = np.linalg.norm(theta), np.linalg.norm(true)
    return float(theta @ true / np.prod(norms)) if norms[0] > _COLLAPSED * norms[1] else np.nan
