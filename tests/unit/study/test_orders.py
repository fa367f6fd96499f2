"""Williams designs against their definition, and balance of positions."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hps_bench.study.orders import balanced_orders, williams_squares

SIZES = st.integers(2, 7)


def test_square_of_four() -> None:
    """Williams (1949): the first row runs 1 2 n 3, and each next row adds one."""
    assert williams_squares(4) == [[[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]]]


@given(SIZES)
def test_squares_are_latin(size: int) -> None:
    every = set(range(size))
    for square in williams_squares(size):
        assert all(set(row) == every for row in square)
        assert all(set(column) == every for column in zip(*square, strict=True))


@given(SIZES)
def test_every_policy_follows_every_other_equally_often(size: int) -> None:
    rows = [row for square in williams_squares(size) for row in square]
    counts = Counter(pair for row in rows for pair in pairwise(row))
    assert len(counts) == size * (size - 1)
    assert set(counts.values()) == {1 if size % 2 == 0 else 2}


@given(st.integers(1, 25), st.integers(0, 33), SIZES, st.integers(0, 9))
def test_positions_are_balanced(raters: int, items: int, size: int, seed: int) -> None:
    """Over raters at each item, and over the items of each rater, to within one."""
    drawn = balanced_orders(raters, items, size, np.random.default_rng(seed))
    orders = np.array(drawn, dtype=int).reshape(raters, items, size)
    for policy in range(size):
        stands = orders == policy
        assert (np.ptp(stands.sum(axis=0), axis=1) <= 1).all()
        assert (np.ptp(stands.sum(axis=1), axis=1) <= 1).all()


def test_all_raters_and_items_of_the_paper() -> None:
    """20 raters, 30 items, 4 policies: each at each position for exactly 5 raters."""
    orders = np.array(balanced_orders(20, 30, 4, np.random.default_rng(0)))
    for policy in range(4):
        assert ((orders == policy).sum(axis=0) == 5).all()
    assert len({tuple(order) for order in orders.reshape(-1, 4)}) > 12


@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_orders_depend_on_the_seed(seed: int, same: bool) -> None:
    first, second = (balanced_orders(5, 6, 4, np.random.default_rng(s)) for s in (0, seed))
    assert (first == second) is same
