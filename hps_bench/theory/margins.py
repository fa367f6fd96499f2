"""Theorem 3 by simulation: minimisers of the losses against direct maximisers of the margin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from hps_bench.seeding import numpy_generator
from hps_bench.theory.estimators import METHODS, Sampling
from hps_bench.theory.hardest_negative import hardest, runner_up
from hps_bench.theory.intervals import means_over_seeds
from hps_bench.theory.margin_maximiser import (
    hardest_margins,
    largest_least_margin,
    largest_mean_margin,
    largest_prompt_margins,
    winner_differences,
)
from hps_bench.theory.margin_path import descent, grouped, minimisers
from hps_bench.theory.sample_complexity import regret
from hps_bench.theory.settings import TheorySettings
from hps_bench.theory.world import (
    Floats,
    Rankings,
    Truth,
    draw_features,
    draw_rankings,
    draw_truth,
)

MEAN_MARGIN, LEAST_MARGIN = "mean-margin", "least-margin"
"""Direct maximisers of the margin: of its mean over prompts, and of its least."""

_HPS = "hps-full-n"
_METHODS = {
    "hardest": hardest,
    "runner-up": runner_up,
    **{method: METHODS[method] for method in (_HPS, "top-1", "bt", "pl")},
}
_TEST_PROMPTS = 2000
_NOTHING = 1e-9
"""Length below which a shortest vector is 0 but for rounding."""

_PATH_KEYS = ["world", "method", "gamma", "kind", "limit"]
_PATH_MEASURES = [
    "norm",
    "angle_mean",
    "angle_least",
    "angle_truth",
    "mean_margin",
    "least_margin",
    "regret",
]
_MAXIMISER_MEASURES = ["largest_mean", "largest_least", "between", "prompts_own", "separable"]


def tables(settings: TheorySettings) -> dict[str, pd.DataFrame]:
    """Minimisers and maximisers, one row per seed, and their means over seeds."""
    of_paths, of_maximisers = paths(settings), maximisers(settings)
    return {
        "margins": of_paths,
        "margins-means": means_over_seeds(of_paths, _PATH_KEYS, _PATH_MEASURES),
        "maximisers": of_maximisers,
        "maximisers-means": means_over_seeds(of_maximisers, ["world"], _MAXIMISER_MEASURES),
    }


def paths(settings: TheorySettings) -> pd.DataFrame:
    """Minimisers under growing bounds, gradient descent without one, and direct maximisers.

    Returns:
        One row per seed, world, method, γ (of HPS), ``kind`` (``bound``, ``steps`` or
        ``direct``) and ``limit`` (B, the number of steps, or 0). ``norm`` ‖θ̂‖; angles in degrees
        to the direct maximisers of the mean and of the least margin, and to θ*; at norm 1, the
        mean and the least margin over the training prompts, as shares of the largest mean margin;
        ``regret`` of choosing by θ̂ on fresh prompts. All but ``norm`` depend on the direction
        alone.
    """
    return pd.DataFrame(
        [
            {"world": name, "seed": seed, **row}
            for name in settings.margins.worlds
            for seed in range(settings.seeds)
            for row in _path_rows(settings, name, seed)
        ]
    )


def maximisers(settings: TheorySettings) -> pd.DataFrame:
    """How the two direct maximisers, and those of single prompts, differ.

    Returns:
        One row per world and seed. At norm 1: ``largest_mean`` and ``largest_least`` margin over
        prompts; ``between`` the two, their angle in degrees; ``prompts_own`` the mean over
        prompts of the largest margin that a θ of its own would give each; ``separable`` whether
        some θ ranks all winners first.
    """
    return pd.DataFrame(
        [
            {"world": name, "seed": seed, **_maximisers(_data(settings, name, seed)[1])}
            for name in settings.margins.worlds
            for seed in range(settings.seeds)
        ]
    )


def angle(first: Floats, second: Floats) -> float:
    """Angle of two vectors in degrees, exact for small ones; NaN where either is 0."""
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    if min(lengths) < _NOTHING:
        return float("nan")
    one, other = first / lengths[0], second / lengths[1]
    half = np.arctan2(np.linalg.norm(one - other), np.linalg.norm(one + other))
    return float(np.degrees(2 * half))


def _path_rows(settings: TheorySettings, name: str, seed: int) -> Iterator[dict[str, Any]]:
    grid = settings.margins
    truth, rankings = _data(settings, name, seed)
    rng = numpy_generator(settings.seed, "theory", "margins", name, seed, "test")
    test = draw_features(grid.worlds[name], _TEST_PROMPTS, grid.responses, rng)
    directions = _Directions(rankings, truth, test)
    sampling = Sampling(rankings, grid.gamma, rng)
    bounds = sorted(grid.bounds)
    for method, objective in _METHODS.items():
        of = {"method": method, "gamma": grid.gamma if method == _HPS else None}
        for bound, theta in zip(bounds, minimisers(objective(sampling), bounds), strict=True):
            yield {**of, "kind": "bound", "limit": bound, **directions.measure(theta)}
    of = {"method": _HPS, "gamma": grid.gamma}
    steps = sorted(grid.steps)
    descended = descent(grouped(_METHODS[_HPS](sampling)), steps)
    for step, theta in zip(steps, descended, strict=True):
        yield {**of, "kind": "steps", "limit": step, **directions.measure(theta)}
    for method, theta in ((MEAN_MARGIN, directions.mean), (LEAST_MARGIN, directions.least)):
        of = {"method": method, "gamma": None}
        yield {**of, "kind": "direct", "limit": 0.0, **directions.measure(theta)}


class _Directions:
    """The directions of one world and seed that a θ is held against."""

    def __init__(self, rankings: Rankings, truth: Truth, test: Floats) -> None:
        self.differences = winner_differences(rankings.features)
        self.mean = largest_mean_margin(self.differences)
        self.least = largest_least_margin(self.differences)
        self.truth = truth
        self.test = test

    def measure(self, theta: Floats) -> dict[str, float]:
        norm = float(np.linalg.norm(theta))
        at_one = hardest_margins(self.differences, theta / norm) if norm > _NOTHING else np.nan
        margins = np.asarray(at_one / np.linalg.norm(self.mean))
        return {
            "norm": norm,
            "angle_mean": angle(theta, self.mean),
            "angle_least": angle(theta, self.least),
            "angle_truth": angle(theta, self.truth.theta),
            "mean_margin": float(margins.mean()),
            "least_margin": float(margins.min()),
            "regret": regret(theta, self.truth, self.test) if norm > _NOTHING else np.nan,
        }


def _maximisers(rankings: Rankings) -> dict[str, float]:
    differences = winner_differences(rankings.features)
    mean, least = largest_mean_margin(differences), largest_least_margin(differences)
    return {
        "largest_mean": float(np.linalg.norm(mean)),
        "largest_least": float(np.linalg.norm(least)),
        "between": angle(mean, least),
        "prompts_own": float(largest_prompt_margins(differences).mean()),
        "separable": float(np.linalg.norm(least) > _NOTHING),
    }


def _data(settings: TheorySettings, name: str, seed: int) -> tuple[Truth, Rankings]:
    grid = settings.margins
    world = grid.worlds[name]
    rng = numpy_generator(settings.seed, "theory", "margins", name, seed)
    truth = draw_truth(world, rng)
    return truth, draw_rankings(world, truth, grid.prompts, grid.responses, rng)
