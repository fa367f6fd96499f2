"""Seeds needed, against statsmodels' power of the t test and scipy's t intervals."""

import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.power import TTestPower

from hps_bench.statistics import (
    MOST_SEEDS,
    VarianceComponents,
    half_width,
    seeds_to_detect,
    seeds_to_narrow,
    variance_components,
)
from tests.unit.statistics.samples import normal


def of_seeds(variance: float, prompts: int = 40) -> VarianceComponents:
    """Differences that vary between seeds only."""
    return VarianceComponents(1.0, variance, prompt=0.0, residual=0.0, seeds=3, prompts=prompts)


@pytest.mark.parametrize("effect", [2.0, 1.0, 0.5, 0.2])
@pytest.mark.parametrize("power", [0.8, 0.95])
def test_seeds_to_detect_are_those_of_statsmodels(effect: float, power: float) -> None:
    expected = TTestPower().solve_power(effect_size=effect, alpha=0.05, power=power)
    found = seeds_to_detect(of_seeds(4.0), 2 * effect, level=0.95, power=power)
    assert found == math.ceil(float(np.squeeze(expected)))


def test_half_width_is_that_of_scipys_t_interval() -> None:
    by_seed = normal(5)
    found = variance_components(list(np.repeat(by_seed[:, None], 3, axis=1)))
    assert found is not None
    expected = scipy.stats.ttest_1samp(by_seed, 0).confidence_interval(0.9)
    ours = float(half_width(found, 5, level=0.9))
    assert ours == pytest.approx((expected.high - expected.low) / 2, rel=1e-9)


def test_seeds_to_narrow_by_hand() -> None:
    # t(.975, S − 1) · 1/√S: 2.776/√5 = 1.24, 2.571/√6 = 1.05, 2.447/√7 = 0.925.
    assert seeds_to_narrow(of_seeds(1.0), 1.0) == 7
    assert seeds_to_narrow(of_seeds(1.0), 0.92) == 8
    assert seeds_to_narrow(of_seeds(1.0), 1.06) == 6


def test_prompts_bound_what_seeds_can_do() -> None:
    # However many seeds, the standard error is at least 1/√40 = 0.158.
    found = VarianceComponents(0.3, seed=1.0, prompt=1.0, residual=1.0, seeds=3, prompts=40)
    assert seeds_to_narrow(found, 0.3) is None
    assert seeds_to_detect(found, 0.3) is None
    few = seeds_to_narrow(found, 0.5)
    assert few is not None
    assert few < MOST_SEEDS
    error = np.sqrt(1 / few + (1 + 1 / few) / 40)
    assert 1.96 * error < 0.5 < 1.96 * np.sqrt(1 / (few - 4) + (1 + 1 / (few - 4)) / 40)


def test_power_by_simulation() -> None:
    # Standard error of the share: 0.01.
    found = VarianceComponents(0.0, seed=1.0, prompt=2.0, residual=3.0, seeds=3, prompts=30)
    seeds = seeds_to_detect(found, 1.5)
    assert seeds is not None
    rng = np.random.default_rng(4)
    detected = 0
    for _ in range(1500):
        world = (
            1.5
            + rng.normal(size=(seeds, 1))
            + 2**0.5 * rng.normal(size=30)
            + 3**0.5 * rng.normal(size=(seeds, 30))
        )
        drawn = variance_components(list(world))
        assert drawn is not None
        detected += abs(drawn.mean) > float(half_width(drawn, seeds))
    assert 0.77 < detected / 1500 < 0.88


@pytest.mark.parametrize("variance", [1e-2, 1e-6, 1e-20])
def test_few_seeds_detect_what_is_large(variance: float) -> None:
    # At 1e-2 with two seeds: noncentral t of 1.0998 degrees and 13.64 beyond 10.28: 0.813.
    found = VarianceComponents(1.0, variance, variance, variance, seeds=3, prompts=40)
    assert seeds_to_detect(found, 1.0) == 2


def test_nothing_to_detect_or_to_narrow() -> None:
    assert seeds_to_detect(of_seeds(1.0), 0.0) is None
    assert seeds_to_detect(of_seeds(0.0), 0.1) == 2
    assert seeds_to_detect(of_seeds(0.0), 0.0) is None
    assert seeds_to_narrow(of_seeds(0.0), 0.0) == 2
