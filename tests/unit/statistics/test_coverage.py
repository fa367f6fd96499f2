"""How often intervals of 95 % hold the truth, in 500 simulated worlds of three seeds.

Standard deviation of a share of 0.95: 0.01; of 0.76: 0.02.
"""

import numpy as np
import pytest

from hps_bench.statistics import mean_interval, random_effects_test, variance_components
from tests.unit.statistics.samples import Array, generator

WORLDS = 500


def world(between_seeds: float, rng: np.random.Generator) -> Array:
    """Differences of mean 0 of three seeds on 200 prompts, which vary as much as the rest."""
    by_seed = between_seeds * rng.normal(size=(3, 1))
    return np.asarray(by_seed + rng.normal(size=200) + rng.normal(size=(3, 200)))


def covered(between_seeds: float) -> tuple[float, float]:
    """Share of worlds where the bootstrap's interval, and the t interval, hold 0."""
    rng = generator(1)
    hits = np.zeros(2)
    for seed in range(WORLDS):
        differences = list(world(between_seeds, rng))
        interval = mean_interval(differences, generator(seed), resamples=200)
        components = variance_components(differences)
        assert components is not None
        hits += [interval.low <= 0 <= interval.high, random_effects_test(components) > 0.05]
    bootstrap, t = hits / WORLDS
    return float(bootstrap), float(t)


@pytest.mark.parametrize(
    ("between_seeds", "bootstrap", "t"),
    [
        (0.0, (0.94, 0.99), (0.93, 0.99)),
        (0.3, (0.80, 0.90), (0.90, 0.96)),
        (1.0, (0.70, 0.82), (0.90, 0.97)),
    ],
)
def test_bootstrap_of_few_seeds_is_too_narrow_where_seeds_differ(
    between_seeds: float, bootstrap: tuple[float, float], t: tuple[float, float]
) -> None:
    found = covered(between_seeds)
    assert bootstrap[0] <= found[0] <= bootstrap[1]
    assert t[0] <= found[1] <= t[1]
