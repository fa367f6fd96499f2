"""Minimisers under bounds: against other fits, a search over the plane, and their limits."""

from functools import partial

import numpy as np
import pytest

from hps_bench.theory.estimators import METHODS, Objective, Sampling, fit
from hps_bench.theory.hardest_negative import HardestLoss
from hps_bench.theory.margin_maximiser import (
    largest_least_margin,
    largest_mean_margin,
    winner_differences,
)
from hps_bench.theory.margin_path import (
    GroupedLosses,
    descent,
    grouped,
    minimisers,
    relative_excess,
)
from hps_bench.theory.margins import angle
from hps_bench.theory.settings import World
from hps_bench.theory.world import Rankings, draw_rankings, draw_truth

METHOD_NAMES = ("hps-full-n", "top-1", "bt", "pl")


def rankings(labels: str, prompts: int = 30, responses: int = 4) -> Rankings:
    world = World.model_validate({"dimension": 3, "labels": labels})
    rng = np.random.default_rng(3)
    return draw_rankings(world, draw_truth(world, rng), prompts, responses, rng)


def objective(method: str, of: Rankings) -> Objective:
    return METHODS[method](Sampling(of, 2.0, np.random.default_rng(0)))


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_losses_are_those_of_the_estimators(method: str) -> None:
    """A ranking's mean is over its n − 1 = 3 stages, the estimators' over rankings."""
    losses = objective(method, rankings("plackett-luce"))
    theta = np.array([0.4, -1.0, 2.0])
    value, gradient = losses.loss(theta)
    log_mean, log_gradient = grouped(losses).log_mean(theta)
    parts = 3 if method == "pl" else 1
    assert np.exp(log_mean) == pytest.approx(value / parts)
    assert log_gradient == pytest.approx(gradient / value)


def test_losses_far_below_rounding() -> None:
    """log log(1 + e^{−1000}) = −1000, with slope −1."""
    one = GroupedLosses(np.ones((1, 1, 1)), np.zeros((1, 1)))
    value, gradient = one.log_mean(np.array([1000.0]))
    assert value == pytest.approx(-1000)
    assert gradient == pytest.approx([-1])


@pytest.mark.parametrize("method", METHOD_NAMES)
@pytest.mark.parametrize("bound", [1.0, 100.0])
def test_minimisers_are_those_of_the_estimators(method: str, bound: float) -> None:
    losses = objective(method, rankings("plackett-luce", 200))
    [theta] = minimisers(losses, [bound])
    assert theta == pytest.approx(fit(losses, bound), abs=2e-3)
    assert relative_excess(grouped(losses), theta, bound) < 1e-4


@pytest.mark.parametrize("bound", [0.5, 5.0])
def test_hardest_minimiser_is_the_best_of_the_plane(bound: float) -> None:
    features = np.random.default_rng(1).normal(size=(10, 4, 2)) + np.eye(4, 2)
    [theta] = minimisers(HardestLoss(features), [bound])
    side = np.linspace(-bound, bound, 401)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    grid = grid[np.linalg.norm(grid, axis=1) <= bound]
    margins = (winner_differences(features) @ grid.T).min(axis=1)
    searched = np.logaddexp(0, np.log(3) - margins).mean(axis=0).min()
    assert searched - 1e-2 < HardestLoss(features).loss(theta)[0] <= searched + 1e-4


def test_excess_is_no_less_than_what_a_better_parameter_shows() -> None:
    losses = grouped(objective("top-1", rankings("plackett-luce")))
    poor, good = np.zeros(3), minimisers(objective("top-1", rankings("plackett-luce")), [2.0])[0]
    shown = 1 - np.exp(losses.log_mean(good)[0] - losses.log_mean(poor)[0])
    assert 0 < shown <= relative_excess(losses, poor, 2.0)


def test_on_separable_lists_the_infimum_is_not_attained() -> None:
    """Every bound binds, and a larger one gives a smaller loss."""
    bounds = [1.0, 10.0, 100.0, 1000.0]
    losses = objective("hps-full-n", rankings("argmax"))
    found = minimisers(losses, bounds)
    assert [float(np.linalg.norm(theta)) for theta in found] == pytest.approx(bounds)
    values = [grouped(losses).log_mean(theta)[0] for theta in found]
    assert (np.diff(values) < 0).all()


@pytest.mark.parametrize("method", ["hardest", "hps-full-n", "top-1"])
def test_direction_goes_to_the_largest_least_margin(method: str) -> None:
    """As for logistic regression, whatever the weights: γ = 0, 2 and ∞ have one limit."""
    of = rankings("argmax")
    loss = HardestLoss(of.features) if method == "hardest" else objective(method, of)
    least = largest_least_margin(winner_differences(of.features))
    angles = [angle(theta, least) for theta in minimisers(loss, [10.0, 1000.0, 10_000.0])]
    assert angles[0] > angles[1] > angles[2]
    assert angles[2] < 0.5


def test_small_bounds_give_the_direction_of_the_largest_mean_margin() -> None:
    of = rankings("argmax")
    mean = largest_mean_margin(winner_differences(of.features))
    [theta] = minimisers(HardestLoss(of.features), [0.01])
    assert angle(theta, mean) < 0.5
    [of_all] = minimisers(objective("top-1", of), [0.01])
    assert angle(of_all, mean) > 2


def test_hardest_minimiser_is_nothing_where_no_direction_has_a_mean_margin() -> None:
    """Losers on both sides of every winner: Jensen's inequality leaves θ = 0."""
    around = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    [theta] = minimisers(HardestLoss(np.stack([around, 2 * around])), [10.0])
    assert np.linalg.norm(theta) < 1e-2


def test_first_step_of_descent_by_hand() -> None:
    """One pair with z = 2: a step of 1/4 times a slope of −σ(0) · 2."""
    pair = GroupedLosses(np.full((1, 1, 1), 2.0), np.zeros((1, 1)))
    none, one = descent(pair, [0, 1])
    assert (none.tolist(), one.tolist()) == ([0.0], [0.25])


def test_descent_without_a_bound_goes_on_growing() -> None:
    losses = grouped(objective("top-1", rankings("argmax")))
    found = descent(losses, [10, 100, 1000])
    norms = list(map(partial(np.linalg.norm), found))
    assert norms[0] < norms[1] < norms[2]
    assert losses.log_mean(found[2])[0] < losses.log_mean(found[0])[0]
