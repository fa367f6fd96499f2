"""Estimates against other programs', against information theory, and against θ*."""

from collections.abc import Callable

import choix
import numpy as np
import pandas as pd
import pytest
from statsmodels.api import Logit
from statsmodels.discrete.conditional_models import ConditionalLogit

from hps_bench.theory.estimators import METHODS, Comparisons, Orders, Sampling, fit
from hps_bench.theory.settings import World
from hps_bench.theory.world import Floats, Rankings, Truth, draw_rankings, draw_truth

WORLD = World(dimension=3, norm=2.0)


def drawn(
    prompts: int, responses: int, world: World = WORLD, seed: int = 0
) -> tuple[Truth, Rankings]:
    rng = np.random.default_rng(seed)
    truth = draw_truth(world, rng)
    return truth, draw_rankings(world, truth, prompts, responses, rng)


def estimate(method: str, rankings: Rankings, gamma: float = 0.0) -> Floats:
    return fit(METHODS[method](Sampling(rankings, gamma, np.random.default_rng(7))), None)


def conditional_logit(lists: list[Floats]) -> ConditionalLogit:
    """McFadden's conditional logit by statsmodels; the first row of each list was chosen."""
    chosen = np.concatenate([np.arange(len(features)) == 0 for features in lists])
    groups = np.repeat(np.arange(len(lists)), [len(features) for features in lists])
    return ConditionalLogit(chosen.astype(float), np.concatenate(lists), groups=groups)


def top_choices(rankings: Rankings) -> list[Floats]:
    return list(rankings.features)


def exploded(rankings: Rankings) -> list[Floats]:
    """A ranking of n as n − 1 choices, each from what is left (Beggs, Cardell, Hausman 1981)."""
    n = rankings.features.shape[1]
    return [features[first:] for features in rankings.features for first in range(n - 1)]


@pytest.mark.parametrize(("method", "choices"), [("top-1", top_choices), ("pl", exploded)])
def test_estimates_are_statsmodels_conditional_logit(
    method: str, choices: Callable[[Rankings], list[Floats]]
) -> None:
    """Its optimiser stops at four digits; its log-likelihood and score are exact."""
    rankings = drawn(200, 4)[1]
    ours, model = estimate(method, rankings), conditional_logit(choices(rankings))
    np.testing.assert_allclose(model.fit(disp=False).params, ours, atol=5e-4)
    np.testing.assert_allclose(model.score(ours), 0, atol=1e-4)
    objective = METHODS[method](Sampling(rankings, 0.0, np.random.default_rng(7)))
    assert model.loglike(ours) == pytest.approx(-200 * objective.loss(ours)[0], rel=1e-10)


def test_hps_is_statsmodels_logit_of_its_pairs() -> None:
    """Every second pair is turned round, for an outcome that varies."""
    rankings = drawn(400, 5)[1]
    pairs = METHODS["hps"](Sampling(rankings, 1.0, np.random.default_rng(7))).features
    signs = np.resize([1.0, -1.0], len(pairs))
    differences = signs[:, None] * (pairs[:, 0] - pairs[:, 1])
    theirs = Logit((signs > 0).astype(float), differences).fit(disp=False, tol=1e-10).params
    np.testing.assert_allclose(estimate("hps", rankings, 1.0), theirs, atol=1e-5)


@pytest.mark.parametrize("form", ["rankings", "top1"])
def test_strengths_of_items_are_those_of_choix(form: str) -> None:
    """Items without features, one parameter each: Maystre and Grossglauser's own program."""
    rng = np.random.default_rng(3)
    lists = rng.permuted(np.tile(np.arange(6), (400, 1)), axis=1)[:, :4]
    noisy = rng.normal(size=6)[lists] + rng.gumbel(size=lists.shape)
    orders = np.take_along_axis(lists, np.argsort(-noisy, axis=1), axis=1)
    features = np.eye(6)[orders]
    if form == "rankings":
        theirs = choix.opt_rankings(6, orders.tolist(), tol=1e-10)
        ours = fit(Orders(features), None)
    else:
        theirs = choix.opt_top1(6, [(first, rest) for first, *rest in orders.tolist()], tol=1e-10)
        ours = fit(Comparisons(features, np.zeros((400, 4))), None)
    np.testing.assert_allclose(ours - ours.mean(), theirs - theirs.mean(), atol=1e-5)


@pytest.mark.parametrize("method", ["pl", "top-1", "bt-random-pair", "hps", "hps-full-n"])
def test_likelihoods_reach_the_error_that_their_information_allows(method: str) -> None:
    """100 fits: E‖θ̂ − θ*‖² in the Σ_D norm is tr(Σ_D H⁻¹) / m, H the Hessian at θ* (γ = 0).

    At m = 300 the next order adds some per cent; 100 squared errors of 3 degrees of freedom have
    a standard error of 8 %.
    """
    squares, predicted = [], []
    for seed in range(100):
        truth, rankings = drawn(300, 4, seed=seed)
        error = estimate(method, rankings) - truth.theta
        squares.append(error @ rankings.covariance @ error)
        objective = METHODS[method](Sampling(rankings, 0.0, np.random.default_rng(7)))
        hessian = [
            (objective.loss(truth.theta + step)[1] - objective.loss(truth.theta - step)[1]) / 2e-5
            for step in 1e-5 * np.eye(3)
        ]
        predicted.append(np.trace(rankings.covariance @ np.linalg.inv(hessian)) / 300)
    assert np.mean(squares) == pytest.approx(np.mean(predicted), rel=0.25)


CONSISTENT = [("pl", 0.0), ("top-1", 0.0), ("bt-random-pair", 0.0), ("hps", 0.0)]
INCONSISTENT = [
    *[("bt", 0.0), ("hps-n", 0.0), ("hps-full", 0.0), ("hps-appendix-b", 0.0)],
    *[("hps", 1.0), ("hps-full-n", 1.0), ("hps-full-n", -1.0), ("hps-schedule", 0.0)],
]


@pytest.fixture(scope="module")
def large() -> tuple[Truth, Rankings]:
    return drawn(40_000, 6)


@pytest.mark.parametrize(("method", "gamma"), CONSISTENT)
def test_consistent_estimators_come_to_the_truth(
    large: tuple[Truth, Rankings], method: str, gamma: float
) -> None:
    truth, rankings = large
    assert np.linalg.norm(estimate(method, rankings, gamma) - truth.theta) < 0.08


@pytest.mark.parametrize(("method", "gamma"), INCONSISTENT)
def test_inconsistent_estimators_keep_the_direction_and_miss_the_norm(
    large: tuple[Truth, Rankings], method: str, gamma: float
) -> None:
    """Features and r_est = r* prefer no direction but that of θ*."""
    truth, rankings = large
    theta = estimate(method, rankings, gamma)
    norm = np.linalg.norm(theta)
    assert theta @ truth.theta / (norm * 2) > 0.99
    assert abs(norm - 2) > 0.2


def test_hard_negatives_reverse_the_direction(large: tuple[Truth, Rankings]) -> None:
    truth, rankings = large
    for method in ("hps", "hps-n", "hps-full", "hps-full-n"):
        theta = estimate(method, rankings, 5.0)
        assert theta @ truth.theta / np.linalg.norm(theta) / 2 < -0.98


@pytest.mark.parametrize(("gamma", "cosine"), [(0.5, 1.0), (1.0, 1.0), (2.0, 1.0), (1.0, 0.3)])
def test_with_many_responses_hps_estimates_the_truth_less_gamma_times_the_estimate(
    gamma: float, cosine: float
) -> None:
    """As n grows the corrections ln((T − e^{γ r_j}) / (T − e^{γ r_i})) go to 0: θ* − γ θ_est."""
    world = World(dimension=3, norm=1.0, estimate_cosine=cosine)
    truth, rankings = drawn(6_000, 150, world)
    expected = truth.theta - gamma * truth.estimate
    np.testing.assert_allclose(estimate("hps", rankings, gamma), expected, atol=0.12)


def test_other_estimate_turns_the_direction_of_hard_negatives_only() -> None:
    truth, rankings = drawn(40_000, 6, WORLD.model_copy(update={"estimate_cosine": 0.3}))
    cosines = pd.Series(
        {
            gamma: theta @ truth.theta / (2 * np.linalg.norm(theta))
            for gamma in (0.0, 1.0)
            for theta in [estimate("hps-full-n", rankings, gamma)]
        }
    )
    assert cosines[0.0] > 0.999
    assert cosines[1.0] < 0.9


@pytest.mark.parametrize("method", ["pl", "top-1", "hps"])
def test_bounded_estimate_is_the_best_point_of_the_circle(method: str) -> None:
    """Separable labels: the least loss among ‖θ‖ ≤ B lies on the boundary; 2,000 points of it."""
    features = np.random.default_rng(5).normal(size=(60, 4, 2))
    rewards = features @ np.array([1.0, 0.5])
    rankings = Rankings(features, rewards, rewards)
    rankings = rankings.taken(np.argsort(-rewards, axis=1))
    objective = METHODS[method](Sampling(rankings, 1.0, np.random.default_rng(6)))
    found = fit(objective, 2.0)
    angle = np.linspace(0, 2 * np.pi, 2_000)
    around = [objective.loss(2 * np.array([np.cos(a), np.sin(a)]))[0] for a in angle]
    assert np.linalg.norm(found) == pytest.approx(2)
    assert objective.loss(found)[0] <= min(around) + 1e-9
    assert np.arctan2(found[1], found[0]) == pytest.approx(angle[np.argmin(around)], abs=0.01)


def test_bound_that_does_not_bind_changes_nothing() -> None:
    rankings = drawn(200, 4)[1]
    objective = METHODS["pl"](Sampling(rankings, 0.0, np.random.default_rng(0)))
    assert fit(objective, 50.0).tolist() == fit(objective, None).tolist()


def test_pl_comes_nearer_with_more_responses_and_nearer_than_any_of_its_parts() -> None:
    """Its information grows with n, that of the top choice hardly (tr Σ_D H⁻¹, above)."""
    errors = {
        (method, n): np.mean(
            [
                np.linalg.norm(estimate(method, rankings) - truth.theta)
                for seed in range(30)
                for truth, rankings in [drawn(200, n, seed=seed)]
            ]
        )
        for method in ("pl", "top-1", "hps")
        for n in (4, 16)
    }
    assert errors["pl", 16] < 0.65 * errors["pl", 4]
    assert errors["pl", 16] < errors["top-1", 16] / 2
    assert errors["top-1", 4] < errors["hps", 4]
