"""Theorem 1 by simulation: how far each estimator of θ is from θ*, over m, n, γ and worlds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from hps_bench.seeding import numpy_generator
from hps_bench.theory.estimators import METHODS, WITHOUT_GAMMA, Objective, Sampling, fit
from hps_bench.theory.settings import Scenario, TheorySettings
from hps_bench.theory.world import (
    Floats,
    Rankings,
    Truth,
    draw_features,
    draw_rankings,
    draw_truth,
)

_TEST_PROMPTS = 2000

_AT_BOUND = 1 - 1e-6
"""Share of B from which an estimate counts as lying on the boundary."""


def estimates(settings: TheorySettings) -> pd.DataFrame:
    """Fit every estimator of every scenario.

    Returns:
        One row per fit: scenario, method, gamma (empty where it has none), responses, prompts,
        seed; ``error`` ‖θ̂ − θ*‖ in the Σ_D norm, ``cosine`` of θ̂ with θ*, ``estimate_cosine``
        with the parameter of r_est, ``norm`` ‖θ̂‖/‖θ*‖, ``at_bound`` whether ‖θ̂‖ = B,
        ``regret`` as ``regret``.
    """
    scenarios = settings.sample_complexity.scenarios
    rows = [row for name in scenarios for row in _scenario_rows(settings, name)]
    return pd.DataFrame(rows)


def _scenario_rows(settings: TheorySettings, name: str) -> Iterator[dict[str, Any]]:
    scenario = settings.sample_complexity.scenarios[name]
    for seed in range(settings.seeds):
        # Of the seed alone: worlds have the same θ*, however else they differ.
        truth = draw_truth(scenario, numpy_generator(settings.seed, "theory", "truth", seed))
        for n in scenario.responses:
            rng = numpy_generator(settings.seed, "theory", name, seed, n, "test")
            test = draw_features(scenario, _TEST_PROMPTS, n, rng)
            for m in scenario.prompts:
                place = (name, seed, n, m)
                rng = numpy_generator(settings.seed, "theory", *place)
                rankings = draw_rankings(scenario, truth, m, n, rng)
                for method, gamma in fitted(scenario):
                    rng = numpy_generator(settings.seed, "theory", *place, method, str(gamma))
                    objective = METHODS[method](Sampling(rankings, gamma or 0.0, rng))
                    yield {
                        "scenario": name,
                        "method": method,
                        "gamma": gamma,
                        "responses": n,
                        "prompts": m,
                        "seed": seed,
                        **_measures(objective, scenario.bound, rankings, truth, test),
                    }


def fitted(scenario: Scenario) -> Iterator[tuple[str, float | None]]:
    """Methods and γ of a scenario, γ None for methods without."""
    for method in scenario.methods:
        if method in WITHOUT_GAMMA:
            yield method, None
        else:
            yield from product([method], scenario.gammas)


def _measures(
    objective: Objective, bound: float, rankings: Rankings, truth: Truth, test: Floats
) -> dict[str, Any]:
    theta = fit(objective, bound)
    error = theta - truth.theta
    norm = np.linalg.norm(theta)
    return {
        "error": float(np.sqrt(error @ rankings.covariance @ error)),
        "cosine": _cosine(theta, truth.theta),
        "estimate_cosine": _cosine(theta, truth.estimate),
        "norm": float(norm / np.linalg.norm(truth.theta)),
        "at_bound": bool(norm >= _AT_BOUND * bound),
        "regret": regret(theta, truth, test),
    }


def _cosine(first: Floats, second: Floats) -> float:
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


def regret(theta: Floats, truth: Truth, features: Floats) -> float:
    """Share of the possible gain in true reward that choosing by θ forgoes, on fresh prompts.

    0: the best response of every list is chosen; 1: no better than a response taken blindly.

    Args:
        theta: shape (d,).
        truth: true rewards.
        features: lists to choose from, shape (m, n, d).
    """
    rewards = truth.rewards(features)
    chosen = np.take_along_axis(rewards, (features @ theta).argmax(axis=1)[:, None], axis=1)
    best = rewards.max(axis=1).mean()
    return float((best - chosen.mean()) / (best - rewards.mean()))
