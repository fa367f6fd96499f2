"""Strata and the draw of prompts."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hps_bench.study.prompts import allocate, draw_prompts, stratum


def test_largest_remainder_by_hand() -> None:
    """Quotas of 7 places: 3.5, 2.1 and 1.4; the place that is left goes to the first."""
    assert allocate({"a": 5, "b": 3, "c": 2}, 7) == {"a": 4, "b": 2, "c": 1}


def test_equal_remainders_go_by_name() -> None:
    assert allocate({"b": 5, "a": 5}, 3) == {"a": 2, "b": 1}


@given(st.dictionaries(st.text(max_size=2), st.integers(1, 50), min_size=1), st.data())
def test_shares_fit(sizes: dict[str, int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, sum(sizes.values())))
    shares = allocate(sizes, count)
    assert sum(shares.values()) == count
    assert all(0 <= shares[name] <= sizes[name] for name in sizes)


def test_draw_is_stratified_and_repeats() -> None:
    strata = {f"p{k:03d}": "harmful" if k % 3 == 0 else "harmless" for k in range(90)}
    drawn, again, other = (draw_prompts(strata, 15, np.random.default_rng(s)) for s in (0, 0, 1))
    assert Counter(strata[name] for name in drawn) == {"harmful": 5, "harmless": 10}
    assert len(set(drawn)) == 15
    assert drawn == again
    assert drawn != other


def test_draw_does_not_depend_on_the_order_of_the_prompts() -> None:
    strata = {f"p{k}": "x" for k in range(20)}
    backwards = dict(reversed(strata.items()))
    draws = [draw_prompts(s, 5, np.random.default_rng(0)) for s in (strata, backwards)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    ("labels", "location", "expected"),
    [
        ([0.0, None], "toy:dialogue:1", "harmful"),
        ([1.0], "toy:dialogue:1", "harmful"),
        ([None, None], "helpful-base/test.jsonl.gz:3", "helpful"),
        ([None], "hh/harmless-base/test.jsonl.gz:3", "harmless"),
        ([None], "red-team-attempts/red_team.jsonl:3", "red-team"),
        ([None], "Anthropic/hh-rlhf:test:3", "unlabelled"),
    ],
)
def test_stratum(labels: list[float | None], location: str, expected: str) -> None:
    assert stratum({"harmful": None, "location": location}, labels) == expected


@pytest.mark.parametrize(("harmful", "expected"), [(True, "harmful"), (False, "harmless")])
def test_labels_of_the_human_pair_come_first(harmful: bool, expected: str) -> None:
    pair = {"harmful": harmful, "location": "helpful-base/test.jsonl.gz:3"}
    assert stratum(pair, [None]) == expected
