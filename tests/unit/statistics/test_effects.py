"""Effect sizes by hand, and against a bootstrap of their definition by scipy."""

import numpy as np
import pytest
import scipy.stats

from hps_bench.statistics import dominance, standardised_difference
from tests.unit.statistics.samples import Array, generator, normal


def test_cohens_d_by_hand() -> None:
    # Mean 2 and standard deviation √(2/2) = 1 of 1, 2, 3; mean 2 and √8 of 0, 4: 2 and 0.7071.
    found = standardised_difference([np.array([1.0, 2, 3, np.nan])], generator())
    assert found is not None
    assert found.mean == pytest.approx(2.0)
    assert found.prompts == 3
    second = np.array([0.0, 4.0, np.nan, np.nan])
    both = standardised_difference([np.array([1.0, 2, 3, np.nan]), second], generator())
    assert both is not None
    assert both.mean == pytest.approx((2 + 2 / 8**0.5) / 2)


def test_cohens_d_agrees_with_scipys_t_statistic() -> None:
    # d_z = t / √n.
    differences = normal(30)
    found = standardised_difference([differences], generator())
    assert found is not None
    t = scipy.stats.ttest_1samp(differences, 0).statistic
    assert found.mean == pytest.approx(t / 30**0.5, rel=1e-12)


def test_interval_of_cohens_d_agrees_with_scipys_bootstrap() -> None:
    # Tolerance: 3 % of the width; two bootstraps of 20,000 resamples differ by about 1 %.
    differences = np.random.default_rng(3).exponential(1.0, 60) - 0.5

    def definition(sample: Array, axis: int) -> Array:
        return np.asarray(sample.mean(axis=axis) / sample.std(axis=axis, ddof=1))

    theirs = scipy.stats.bootstrap(
        (differences,), definition, n_resamples=20_000, method="percentile", rng=generator()
    ).confidence_interval
    ours = standardised_difference([differences], generator(), resamples=20_000)
    assert ours is not None
    tolerance = 0.03 * (theirs.high - theirs.low)
    assert ours.low == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high == pytest.approx(theirs.high, abs=tolerance)


def test_cohens_d_keeps_its_digits_far_from_zero() -> None:
    found = standardised_difference([np.array([1e6 + 1, 1e6 + 2, 1e6 + 3])], generator())
    assert found is not None
    assert found.mean == pytest.approx(1e6 + 2, rel=1e-9)


def test_cohens_d_does_not_grow_with_seeds() -> None:
    one = standardised_difference([normal(50)], generator())
    four = standardised_difference([normal(50)] * 4, generator())
    assert one is not None
    assert four is not None
    assert four.mean == pytest.approx(one.mean)


@pytest.mark.parametrize("of", [[0.1, 0.1, 0.1], [0.0, 0.0], [5.0], [np.nan]])
def test_cohens_d_of_equal_differences_does_not_exist(of: list[float]) -> None:
    assert standardised_difference([np.array(of)], generator()) is None


def test_dominance_by_hand() -> None:
    # Three above, one below, of five; the second seed has one of each.
    first = np.array([0.1, 7.0, 2.0, -9.0, 0.0, np.nan])
    assert dominance([first], generator()).mean == pytest.approx(2 / 5)
    second = np.array([1.0, -1.0, np.nan, np.nan, np.nan, np.nan])
    found = dominance([first, second], generator())
    assert found.mean == pytest.approx((2 / 5 + 0) / 2)
    assert -1 <= found.low < found.mean < found.high <= 1


def test_dominance_has_the_ends_of_its_range() -> None:
    found = dominance([np.array([1.0, 2.0, 3.0])], generator())
    assert (found.mean, found.low, found.high) == (1.0, 1.0, 1.0)
