"""Worlds: rankings follow the Plackett-Luce model, features and parameters are as promised."""

from collections import Counter
from itertools import combinations, permutations

import numpy as np
import pytest

from hps_bench.theory.settings import World
from hps_bench.theory.world import Rankings, draw_features, draw_rankings, draw_truth


def test_rankings_follow_plackett_luce() -> None:
    """All six orders of three responses, against Eq. 2 with the drawn rewards themselves.

    Responses differ from list to list, so expected counts are sums of each list's probability.
    """
    rng = np.random.default_rng(0)
    world = World(norm=2.0)
    rankings = draw_rankings(world, draw_truth(world, rng), 20_000, 3, rng)
    by_size = np.argsort(np.argsort(-rankings.rewards, axis=1), axis=1)
    found = Counter(map(tuple, by_size.tolist()))
    utilities = np.exp(-np.sort(-rankings.rewards, axis=1))
    for order in permutations(range(3)):
        first, second, third = (utilities[:, place] for place in order)
        chances = first / (first + second + third) * second / (second + third)
        spread = np.sqrt((chances * (1 - chances)).sum())
        assert abs(found[order] - chances.sum()) < 4 * spread


@pytest.mark.parametrize("features", ["sphere", "skewed"])
def test_features_have_norm_at_most_one_and_mean_zero(features: str) -> None:
    world = World.model_validate({"features": features})
    drawn = draw_features(world, 2000, 5, np.random.default_rng(1))
    assert drawn.shape == (2000, 5, 5)
    assert np.linalg.norm(drawn, axis=-1).max() <= 1 + 1e-12
    assert np.abs(drawn.mean(axis=(0, 1))).max() < 5 * drawn.std() / 100


def test_sigma_is_the_mean_over_pairs() -> None:
    """Σ_D as Theorem 1 writes it, with its three sums."""
    features = np.random.default_rng(2).normal(size=(3, 4, 2))
    rankings = Rankings(features, features[..., 0], features[..., 0])
    pairs = [
        np.outer(z, z)
        for prompt in features
        for j, k in combinations(range(4), 2)
        for z in [prompt[j] - prompt[k]]
    ]
    expected = 2 / (3 * 4 * 3) * np.sum(pairs, axis=0)
    np.testing.assert_allclose(rankings.covariance, expected, rtol=1e-12)


def test_estimate_stands_at_its_angle() -> None:
    world = World(norm=3.0, estimate_cosine=0.6)
    truth = draw_truth(world, np.random.default_rng(3))
    assert np.linalg.norm(truth.theta) == pytest.approx(3)
    assert np.linalg.norm(truth.estimate) == pytest.approx(3)
    assert truth.theta @ truth.estimate == pytest.approx(9 * 0.6)


def test_estimate_of_cosine_one_is_the_truth() -> None:
    rng = np.random.default_rng(4)
    world = World(reward="quadratic")
    rankings = draw_rankings(world, draw_truth(world, rng), 50, 4, rng)
    np.testing.assert_array_equal(rankings.estimates, rankings.rewards)


def test_argmax_labels_are_sorted_by_the_estimate() -> None:
    rng = np.random.default_rng(5)
    world = World(labels="argmax", estimate_cosine=0.5)
    rankings = draw_rankings(world, draw_truth(world, rng), 50, 6, rng)
    assert (np.diff(rankings.estimates, axis=1) <= 0).all()
    assert (np.diff(rankings.rewards, axis=1) > 0).any()


def test_no_linear_reward_is_nearer_to_the_quadratic_one_than_its_linear_part() -> None:
    rng = np.random.default_rng(6)
    world = World(reward="quadratic")
    truth = draw_truth(world, rng)
    features = draw_features(world, 100_000, 2, rng).reshape(-1, 5)
    centred = truth.rewards(features) - truth.rewards(features).mean()
    nearest = np.linalg.lstsq(features, centred, rcond=None)[0]
    np.testing.assert_allclose(nearest, truth.theta, atol=0.03)
    assert np.abs(centred - features @ truth.theta).mean() > 0.1
