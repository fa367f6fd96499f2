"""Intervals and tests of means, against values by hand and scipy's own."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hps_bench.statistics import mean_interval, randomisation_test
from tests.unit.statistics.samples import generator, normal, width


def test_mean_of_seed_means_by_hand() -> None:
    # Seed means are (1 + 2) / 2 and (3 + 5 + 10) / 3; the last prompt has no value at all.
    values = [np.array([1.0, 2.0, np.nan, np.nan]), np.array([3.0, 5.0, 10.0, np.nan])]
    interval = mean_interval(values, generator())
    assert interval.mean == 0.5 * (1.5 + 6.0)
    assert (interval.seeds, interval.prompts) == (2, 3)


def test_seed_without_any_value_does_not_count() -> None:
    interval = mean_interval([np.array([1.0, 3.0]), np.full(2, np.nan)], generator())
    assert (interval.mean, interval.seeds) == (2.0, 1)


def test_seeds_with_test_sets_of_their_own() -> None:
    interval = mean_interval([np.zeros(4), np.ones(6)], generator())
    assert (interval.mean, interval.seeds, interval.prompts) == (0.5, 2, 4)


def test_seeds_are_resampled_by_hand() -> None:
    # Two constant seeds 0 and 1: resampled means are 0, 1/2, 1 with probability 1/4, 1/2, 1/4.
    values = [np.zeros(5), np.ones(5)]
    wide = mean_interval(values, generator(), level=0.95, resamples=4000)
    narrow = mean_interval(values, generator(), level=0.4, resamples=4000)
    assert (wide.low, wide.high) == (0.0, 1.0)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_one_seed_agrees_with_scipy() -> None:
    # Tolerance: 3 % of the width; two bootstraps of 20,000 resamples differ by about 1 %.
    values = np.random.default_rng(3).exponential(1.0, 60)
    ours = mean_interval([values], generator(), resamples=20_000)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=generator()
    ).confidence_interval
    tolerance = 0.03 * (theirs.high - theirs.low)
    assert ours.low == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high == pytest.approx(theirs.high, abs=tolerance)


def test_prompts_common_to_seeds_are_resampled_together() -> None:
    # Copies of one seed add nothing; prompts drawn apart for each copy would halve the width.
    values = normal(200)
    one = mean_interval([values], generator(), resamples=10_000)
    together = mean_interval([values] * 4, generator(), resamples=10_000)
    assert width(together) == pytest.approx(width(one), rel=0.05)


def test_prompts_of_unequal_test_sets_are_resampled_apart() -> None:
    # The same spread within four seeds and next to none between them: half the width of one.
    values = [normal(400 + extra) for extra in range(4)]
    one = mean_interval(values[:1], generator(), resamples=10_000)
    apart = mean_interval(values, generator(), resamples=10_000)
    assert width(apart) == pytest.approx(width(one) / 2, rel=0.08)


def test_prompts_without_values_change_nothing() -> None:
    values = normal(50)
    padded = np.concatenate([values, np.full(500, np.nan)])
    assert mean_interval([padded], generator()) == mean_interval([values], generator())


def test_same_generator_same_interval() -> None:
    values = [normal(30), normal(30, seed=1)]
    assert mean_interval(values, generator()) == mean_interval(values, generator())


@pytest.mark.parametrize("values", [[], [np.array([np.nan])]])
def test_no_value_is_an_error(values: list[NDArray[np.float64]]) -> None:
    with pytest.raises(ValueError, match="no prompt has a value"):
        mean_interval(values, generator())


def test_interval_of_differences_is_paired() -> None:
    # Prompts vary by 10, the policies by 0.1: apart, the interval would be 100 times as wide.
    prompts, noise = 10 * normal(200), 0.1 * normal(200, seed=1)
    paired = mean_interval([(prompts + noise) - prompts], generator())
    apart = mean_interval([prompts], generator())
    assert width(paired) < width(apart) / 50
    assert paired.mean == pytest.approx(0.1 * normal(200, seed=1).mean())


def test_randomisation_agrees_with_scipys_exact_test() -> None:
    # Of 2¹² exchanges scipy counts all, we draw 200,000: two standard errors are 0.0014.
    differences = np.random.default_rng(5).normal(0.4, 1.0, 12)
    exact = scipy.stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert 0.01 < exact < 0.5
    ours = randomisation_test([differences], generator(), exchanges=200_000)
    assert ours == pytest.approx(exact, abs=0.0014)


def test_randomisation_by_hand() -> None:
    # Of 2³ exchanges two have a mean as far from 0 as 1, 2 and 3 have: p = 1/4.
    p = randomisation_test([np.array([1.0, 2.0, 3.0, np.nan])], generator(), exchanges=100_000)
    assert p == pytest.approx(0.25, abs=0.005)


def test_randomisation_exchanges_seeds_together() -> None:
    # Copies of a seed add nothing.
    differences = np.random.default_rng(5).normal(0.4, 1.0, 12)
    one = randomisation_test([differences], generator())
    assert randomisation_test([differences] * 3, generator()) == one


def test_randomisation_leaves_out_what_was_not_computed() -> None:
    differences = np.random.default_rng(5).normal(0.4, 1.0, 12)
    nothing = np.full(12, np.nan)
    one = randomisation_test([differences], generator())
    assert randomisation_test([differences, nothing], generator()) == one
    assert randomisation_test([nothing], generator()) == 1.0


def test_randomisation_p_is_never_zero_and_one_without_differences() -> None:
    assert randomisation_test([np.ones(50)], generator(), exchanges=99) == 0.01
    assert randomisation_test([np.zeros(50)], generator(), exchanges=99) == 1.0


@given(st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=1, max_size=20))
@settings(max_examples=50)
def test_randomisation_does_not_depend_on_who_is_first(differences: list[float]) -> None:
    values = np.array(differences)
    p = randomisation_test([values], generator(), exchanges=200)
    assert randomisation_test([-values], generator(), exchanges=200) == p


def test_randomisation_keeps_its_level() -> None:
    # 400 tests of noise at 10 %: 40 rejections, standard deviation 6.
    noise = np.random.default_rng(0).normal(size=(400, 25))
    rejected = [randomisation_test([of], generator(k), 199) <= 0.1 for k, of in enumerate(noise)]
    assert 22 <= sum(rejected) <= 58
