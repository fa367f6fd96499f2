"""Largest margins by hand, against a search over directions, and against another solver."""

import numpy as np
import pytest
from scipy.optimize import minimize

from hps_bench.theory.margin_maximiser import (
    hardest_margins,
    largest_least_margin,
    largest_mean_margin,
    largest_prompt_margins,
    winner_differences,
)
from hps_bench.theory.settings import World
from hps_bench.theory.world import Floats, draw_rankings, draw_truth


def differences(prompts: int, dimension: int, labels: str = "argmax") -> Floats:
    world = World.model_validate({"dimension": dimension, "labels": labels})
    rng = np.random.default_rng(4)
    rankings = draw_rankings(world, draw_truth(world, rng), prompts, 4, rng)
    return winner_differences(rankings.features)


def all_around() -> Floats:
    """Directions of the plane, a hundredth of a degree apart."""
    angles = np.linspace(0, 2 * np.pi, 36_000, endpoint=False)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def test_one_prompt_by_hand() -> None:
    """Losers at z = (1, 0) and (0, 1): best between them, at a margin of 1/√2."""
    square = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    for largest in (largest_least_margin, largest_mean_margin):
        assert largest(square) == pytest.approx([0.5, 0.5])
    assert largest_prompt_margins(square) == pytest.approx([np.sqrt(0.5)])


def test_mean_and_least_margin_differ_by_hand() -> None:
    """z = (3, 0) and (0, 1): the mean weighs them as they are long, the least the other way."""
    two = np.array([[[3.0, 0.0]], [[0.0, 1.0]]])
    assert largest_mean_margin(two) == pytest.approx([1.5, 0.5])
    assert largest_least_margin(two) == pytest.approx([0.3, 0.9])


def test_nothing_is_largest_where_no_direction_has_a_margin() -> None:
    both_ways = np.array([[[1.0, 0.0], [-1.0, 0.0]], [[0.0, 1.0], [0.0, -1.0]]])
    for largest in (largest_least_margin, largest_mean_margin):
        assert largest(both_ways) == pytest.approx([0, 0], abs=1e-12)


def test_without_a_bound_a_margin_has_no_largest_value() -> None:
    z = differences(20, 3)
    theta = largest_mean_margin(z)
    assert hardest_margins(z, theta).mean() > 0
    assert hardest_margins(z, 10 * theta) == pytest.approx(10 * hardest_margins(z, theta))


@pytest.mark.parametrize("seed", range(5))
def test_no_direction_of_the_plane_is_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal((1.5, 0.5), size=(12, 3, 2))
    margins = (z @ all_around().T).min(axis=1)
    for largest, searched in (
        (np.linalg.norm(largest_mean_margin(z)), margins.mean(axis=0).max()),
        (np.linalg.norm(largest_least_margin(z)), margins.min(axis=0).max()),
        (largest_prompt_margins(z), margins.max(axis=1)),
    ):
        assert np.all(largest >= searched - 1e-9)
        assert np.all(largest <= np.maximum(searched, 0) + 1e-3)


def test_least_margin_is_that_of_the_support_vector_machine() -> None:
    """scipy's SLSQP on the primal: the shortest w with ⟨w, z⟩ ≥ 1; the margin is 1/‖w‖."""
    z = differences(20, 3)
    flat = z.reshape(-1, 3)
    side = {"type": "ineq", "fun": lambda w: flat @ w - 1, "jac": lambda _: flat}
    start = 100 * largest_mean_margin(z)
    found = minimize(
        lambda w: (w @ w / 2, w), start, jac=True, method="SLSQP", constraints=[side]
    ).x
    least = largest_least_margin(z)
    assert np.linalg.norm(least) == pytest.approx(1 / np.linalg.norm(found), rel=1e-5)
    assert least / np.linalg.norm(least) == pytest.approx(found / np.linalg.norm(found), abs=1e-4)


@pytest.mark.parametrize("labels", ["argmax", "plackett-luce"])
def test_mean_margin_has_its_value_and_a_proof_that_none_is_larger(labels: str) -> None:
    """⟨u, g⟩ ≤ ‖g‖ for every u, ‖u‖ ≤ 1, and some g of the subgradients has ‖g‖ = value."""
    z = differences(60, 5, labels)
    largest = largest_mean_margin(z)
    value = np.linalg.norm(largest)
    if value > 1e-8:
        assert hardest_margins(z, largest / value).mean() == pytest.approx(value)
    others = np.random.default_rng(0).normal(size=(2000, 5))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert max(hardest_margins(z, u).mean() for u in others) <= value + 1e-9
