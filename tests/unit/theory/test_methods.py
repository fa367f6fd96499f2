"""What each method compares: as the training plans draw it, and as enumeration says."""

from itertools import permutations
from typing import get_args

import numpy as np
import pytest
from scipy.special import log_softmax

from hps_bench.plan.comparisons import draw
from hps_bench.plan.settings import METHODS as PLANS
from hps_bench.plan.settings import BradleyTerry, GammaSchedule, HardPreferenceSampling
from hps_bench.theory.estimators import METHODS, WITHOUT_GAMMA, Comparisons, Sampling
from hps_bench.theory.settings import MethodName
from hps_bench.theory.world import Floats, Rankings


def lists(prompts: int, responses: int, seed: int = 0) -> Rankings:
    """Lists whose only feature is the position in the ranking."""
    rng = np.random.default_rng(seed)
    estimates = rng.normal(size=(prompts, responses))
    positions = np.broadcast_to(np.arange(responses, dtype=float), (prompts, responses))
    return Rankings(positions[..., None], estimates, estimates)


def compared(method: str, rankings: Rankings, gamma: float, seed: int = 1) -> Comparisons:
    objective = METHODS[method](Sampling(rankings, gamma, np.random.default_rng(seed)))
    assert isinstance(objective, Comparisons)
    return objective


def test_every_name_has_an_estimator() -> None:
    assert set(METHODS) == set(get_args(MethodName))
    assert set(METHODS) >= set(WITHOUT_GAMMA)


@pytest.mark.parametrize("method", ["hps-full", "hps-full-n"])
def test_weights_in_full_are_those_of_plans(method: str) -> None:
    rankings = lists(4, 6)
    plan = PLANS[method]
    assert isinstance(plan, HardPreferenceSampling)
    for row, rewards in zip(
        compared(method, rankings, 2.0).log_weights, rankings.estimates, strict=True
    ):
        comparison = draw(plan, rewards, 2.0, np.random.default_rng(0))[0]
        np.testing.assert_allclose(row, comparison.log_weights, atol=1e-12)


def test_bt_is_that_of_plans() -> None:
    rankings = lists(3, 5)
    features = compared("bt", rankings, 0.0).features[..., 0]
    expected = draw(BradleyTerry(), rankings.estimates[0], None, np.random.default_rng(0))[0]
    assert features.tolist() == [expected.positions.tolist()] * 3


@pytest.mark.parametrize(("method", "weight"), [("hps", 0.0), ("hps-n", np.log(3))])
def test_one_negative_is_drawn_from_q(method: str, weight: float) -> None:
    """20,000 draws from one list of four: frequencies of each rank within 4 standard errors."""
    estimates = np.array([0.3, 1.0, -0.5, 0.2])
    rows = np.tile(estimates, (20_000, 1))
    positions = np.broadcast_to(np.arange(4.0), rows.shape)[..., None]
    drawn = compared(method, Rankings(positions, rows, rows), 1.5)
    assert set(drawn.features[:, 0, 0]) == {0.0}
    assert drawn.log_weights[:, 1] == pytest.approx(weight)
    q = np.exp(log_softmax(1.5 * estimates[1:]))
    found = np.bincount(drawn.features[:, 1, 0].astype(int), minlength=4)[1:] / 20_000
    assert np.abs(found - q).max() < 4 * np.sqrt(0.25 / 20_000)


def test_schedule_has_a_gamma_for_each_fifth_of_the_lists() -> None:
    """With r_est = 0 … 9 down the list, γ = −5 draws the last and γ = 5 the second."""
    estimates = np.tile(np.arange(10.0)[::-1], (500, 1))
    positions = np.broadcast_to(np.arange(10.0), estimates.shape)[..., None]
    drawn = compared("hps-schedule", Rankings(positions, estimates, estimates), 0.0)
    ranks = drawn.features[:, 1, 0].reshape(5, 100)
    assert GammaSchedule().values() == [-5, -2.5, 0, 2.5, 5]
    assert ranks.mean(axis=1) == pytest.approx([9, 9, 5, 1, 1], abs=1)
    assert ranks[0].min() >= 8
    assert ranks[4].max() <= 2


def test_random_pairs_are_uniform_and_in_order() -> None:
    pairs = compared("bt-random-pair", lists(12_000, 4), 0.0).features[..., 0]
    assert (pairs[:, 0] < pairs[:, 1]).all()
    counts = np.bincount((4 * pairs[:, 0] + pairs[:, 1]).astype(int))
    assert np.abs(counts[counts > 0] - 2000).max() < 4 * np.sqrt(2000)
    assert (counts > 0).sum() == 6


def test_at_gamma_zero_in_full_with_n_is_the_top_choice() -> None:
    rankings = lists(5, 7)
    full = compared("hps-full-n", rankings, 0.0)
    np.testing.assert_allclose(full.log_weights, compared("top-1", rankings, 0.0).log_weights)


@pytest.mark.parametrize("method", METHODS)
def test_with_two_responses_all_methods_are_one(method: str) -> None:
    rankings = lists(30, 2)
    theta = np.array([0.7])
    sampling = Sampling(rankings, 2.0, np.random.default_rng(2))
    expected = METHODS["pl"](sampling).loss(theta)[0]
    assert METHODS[method](sampling).loss(theta)[0] == pytest.approx(expected)


# What the pairs of a method say of the reward: odds of the two orders, by enumeration.

REWARDS = np.array([0.9, 0.1, -0.6])


def chance(order: tuple[int, ...], rewards: Floats) -> float:
    """Probability of a ranking under the Plackett-Luce model, Eq. 2."""
    utilities = np.exp(rewards[list(order)])
    return float(np.prod([u / utilities[j:].sum() for j, u in enumerate(utilities)]))


def log_odds(chances: Floats) -> Floats:
    """Of i against j, from the chances (i, j) that i is compared as winner with loser j."""
    return np.asarray(np.log(chances) - np.log(chances).T)


def differences(rewards: Floats) -> Floats:
    return rewards[:, None] - rewards


def orders(chosen: tuple[int, int]) -> Floats:
    """Chances that the responses at two places of a ranking of three are i and j."""
    chances = np.full((3, 3), 1e-300)
    for order in permutations(range(3)):
        chances[order[chosen[0]], order[chosen[1]]] += chance(order, REWARDS)
    np.fill_diagonal(chances, 1)
    return chances


def test_best_against_worst_is_not_the_bradley_terry_model() -> None:
    """Its log odds are r_i − r_j + ln((e^{r_k} + e^{r_i}) / (e^{r_k} + e^{r_j})): too large."""
    found = log_odds(orders((0, 2)))
    u = np.exp(REWARDS)
    for i, j, k in permutations(range(3)):
        extra = np.log((u[k] + u[i]) / (u[k] + u[j]))
        assert found[i, j] == pytest.approx(REWARDS[i] - REWARDS[j] + extra)


@pytest.mark.parametrize("gamma", [-2.0, 0.0, 0.5, 3.0])
def test_best_against_drawn_has_the_odds_of_the_docs(gamma: float) -> None:
    """(1 − γ)(r_i − r_j) + ln((T − e^{γ r_j}) / (T − e^{γ r_i})), T = Σ e^{γ r}; BT's at γ = 0."""
    u = np.exp(gamma * REWARDS)
    wins = np.exp(log_softmax(REWARDS))
    drawn = u[None] / (u.sum() - u[:, None])
    found = log_odds(wins[:, None] * drawn)
    rest = np.log(u.sum() - u)
    expected = (1 - gamma) * differences(REWARDS) + differences(-rest)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    if gamma == 0:
        np.testing.assert_allclose(found, differences(REWARDS), atol=1e-12)
