"""Margins at a matched KL, by hand and by what must hold for every curve."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hps_bench.statistics.resampling import bootstrap_interval
from hps_bench.trajectory.matched import (
    Course,
    margin_at,
    matched_kl,
    matched_margin,
    matched_terms,
)

KL = [0.0, 0.5, 1.5, 2.0]
MARGINS = [0.0, 1.0, 2.0, 8.0]


@pytest.mark.parametrize(
    ("target", "expected"),
    [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (1.0, 1.5), (1.75, 5.0), (2.0, 8.0), (9.0, 8.0)],
)
def test_margins_between_points_by_hand(target: float, expected: float) -> None:
    """Lines from (0, 0) to (0.5, 1), (1.5, 2) and (2, 8); nothing beyond the last."""
    found = margin_at(np.array([KL]), np.array([MARGINS]), np.array([target]))
    assert found == pytest.approx([expected])


def test_the_first_time_that_a_kl_is_reached_counts() -> None:
    """KL falls again after its second point; 0.9 is reached on the way up, at 9/10 of it."""
    kl, margins = np.array([[0.0, 1.0, 0.8, 1.2]]), np.array([[0.0, 2.0, 5.0, 6.0]])
    assert margin_at(kl, margins, np.array([0.9])) == pytest.approx([1.8])
    assert margin_at(kl, margins, np.array([1.1])) == pytest.approx([5.75])


def test_each_training_has_a_target_of_its_own() -> None:
    found = margin_at(np.array([KL, KL]), np.array([MARGINS, MARGINS]), np.array([0.25, 2.0]))
    assert found.tolist() == pytest.approx([0.5, 8.0])


def test_an_untrained_policy_has_no_margin() -> None:
    nothing = np.zeros((1, 3))
    assert margin_at(nothing, nothing, np.array([0.0])).tolist() == [0.0]


@given(
    arrays(float, (5, 4), elements=st.floats(0.01, 3)),
    st.floats(0.1, 4),
    st.lists(st.floats(0.2, 5), min_size=1, max_size=3),
)
def test_margins_in_proportion_to_kl_are_equal_at_equal_kl(
    steps: np.ndarray, slope: float, lengths: list[float]
) -> None:
    """However far and unevenly policies go: with margin = slope × KL all have slope × target."""
    kl = np.cumsum(np.hstack([np.zeros((5, 1)), steps]), axis=1)
    courses = [Course(length * kl, slope * length * kl) for length in lengths]
    target = min(lengths) * kl[:, -1].mean()
    for place, own in enumerate(courses):
        others = [course for other, course in enumerate(courses) if other != place]
        sums = matched_terms(own, others).sum(axis=0, keepdims=True)
        assert matched_kl(sums, 5) == pytest.approx([target])
        assert matched_margin(sums, 5) == pytest.approx([slope * target])


def test_the_policy_that_ends_first_keeps_its_final_margin() -> None:
    """Means over two prompts: KL ends at 1 and 3, so the second is taken at a third of its way."""
    near = Course(np.array([[0, 0.5], [0, 1.5]]), np.array([[0, 2.0], [0, 4.0]]))
    far = Course(np.array([[0, 2.0], [0, 4.0]]), np.array([[0, 6.0], [0, 12.0]]))
    for own, other, expected in ((near, far, 3.0), (far, near, 3.0)):
        sums = matched_terms(own, [other]).sum(axis=0, keepdims=True)
        assert matched_margin(sums, 2) == pytest.approx([expected])


def test_interval_contains_what_many_prompts_give() -> None:
    """Margins are 2 × KL with noise; 400 prompts put the interval of 2 × target around it."""
    rng = np.random.default_rng(0)
    kl = np.cumsum(rng.exponential(size=(400, 5)), axis=1)
    kl -= kl[:, :1]
    own = Course(kl, 2 * kl + rng.normal(size=kl.shape) * (np.arange(5) > 0))
    other = Course(kl / 2, kl)
    found = bootstrap_interval(
        [matched_terms(own, [other])], partial(matched_margin, points=5), rng, 0.95, 500
    )
    assert found.low < kl[:, -1].mean() < found.high
    assert found.high - found.low < 0.5
    assert (found.seeds, found.prompts) == (1, 400)
