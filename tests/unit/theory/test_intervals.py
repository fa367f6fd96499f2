"""Intervals over seeds: their value by statsmodels, their coverage, and where there is none."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from statsmodels.stats.weightstats import DescrStatsW

from hps_bench.theory.intervals import interval, means_over_seeds


def test_it_is_the_t_interval_of_other_programs() -> None:
    values = np.array([0.3, 1.1, -0.4, 2.0, 0.9])
    found = interval(pd.Series(values))
    bounds = (found["low"], found["high"])
    assert found["mean"] == pytest.approx(0.78)
    assert bounds == pytest.approx(DescrStatsW(values).tconfint_mean())
    assert bounds == pytest.approx(tuple(ttest_1samp(values, 0).confidence_interval()))


def test_two_values_by_hand() -> None:
    """Half a width is 12.706 standard deviations of 1.414 by √2."""
    found = interval(pd.Series([1.0, 3.0]))
    assert (found["low"], found["high"]) == pytest.approx((2 - 12.7062, 2 + 12.7062), abs=1e-4)


@pytest.mark.parametrize("seeds", [2, 5, 20])
def test_it_holds_the_mean_95_times_in_100(seeds: int) -> None:
    """2,000 draws of normal values; four standard errors of the share are 0.02."""
    rng = np.random.default_rng(seeds)
    found = [interval(pd.Series(rng.normal(3.0, 2.0, seeds))) for _ in range(2000)]
    share = np.mean([one["low"] <= 3 <= one["high"] for one in found])
    assert share == pytest.approx(0.95, abs=0.02)


def test_seeds_without_a_value_do_not_count() -> None:
    found = interval(pd.Series([1.0, np.nan, 2.0, 4.0]))
    assert found == pytest.approx(interval(pd.Series([1.0, 2.0, 4.0])))
    assert found["seeds"] == 3


def test_one_seed_has_no_interval_and_none_has_no_mean() -> None:
    one, none = interval(pd.Series([2.0, np.nan])), interval(pd.Series([np.nan]))
    assert one == pytest.approx(
        {"mean": 2.0, "low": np.nan, "high": np.nan, "seeds": 1}, nan_ok=True
    )
    assert none == pytest.approx(
        dict.fromkeys(("mean", "low", "high"), np.nan) | {"seeds": 0}, nan_ok=True
    )


def test_each_key_and_measure_has_a_row() -> None:
    frame = pd.DataFrame({"method": ["a", "a", "b"], "gamma": np.nan, "x": [1, 3, 5], "y": 0.0})
    found = means_over_seeds(frame, ["method", "gamma"], ["x", "y"])
    assert found["mean"].tolist() == [2, 0, 5, 0]
    assert found["seeds"].tolist() == [2, 2, 1, 1]
