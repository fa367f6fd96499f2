import numpy as np
import pandas as pd
import pytest

from hps_bench.paper_comparison.records import Measured
from hps_bench.paper_comparison.resampling import joint_resamples
from hps_bench.seeding import numpy_generator
from hps_bench.statistics import mean_interval
from hps_bench.tables.table import Group, RowKey
from tests.unit.tables.fabricated import HH, PKU

PROMPTS = [f"p{place}" for place in range(60)]


def key(policy: str, evaluated_on: str = HH) -> tuple[str, RowKey, Group]:
    reward, method = policy.split("-")
    return "rm_dpo", RowKey(reward, method, 100, 0.1), Group(evaluated_on, evaluated_on)


def figure(*seeds: np.ndarray) -> Measured:
    series = tuple(pd.Series(values, index=PROMPTS[: len(values)]) for values in seeds)
    return Measured(None, len(seeds), len(seeds), by_seed=series)


def noise(item: str, seeds: int = 3, prompts: int = 60) -> list[np.ndarray]:
    rng = numpy_generator(0, item)
    return [rng.normal(seed, 1.0, size=prompts) for seed in range(seeds)]


def test_policies_share_prompts_and_seeds() -> None:
    values = noise("shared")
    of = {key("dpo-bt"): figure(*values), key("dpo-hps"): figure(*(seed + 1 for seed in values))}
    drawn = joint_resamples(of, numpy_generator(0, "draws"), 500)
    assert np.allclose(drawn[key("dpo-hps")] - drawn[key("dpo-bt")], 1.0)
    assert drawn[key("dpo-bt")].std() > 0.1


def test_sets_share_seeds_but_not_prompts() -> None:
    same = [np.array([0.0, 1.0] * 30)] * 2
    of = {key("dpo-bt"): figure(*same), key("dpo-bt", PKU): figure(*same)}
    drawn = joint_resamples(of, numpy_generator(0, "draws"), 2000)
    one, other = drawn.values()
    # Correlation of independent draws: below 3 / √2000.
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.07
    constant = {key(policy): figure(np.zeros(60), np.ones(60)) for policy in ("dpo-bt", "dpo-hps")}
    constant[key("dpo-bt", PKU)] = figure(np.zeros(60), np.ones(60))
    first, *others = joint_resamples(constant, numpy_generator(0, "draws"), 100).values()
    assert set(first) == {0.0, 0.5, 1.0}
    assert all(np.array_equal(first, other) for other in others)


def test_one_figure_has_the_interval_of_the_tables() -> None:
    values = noise("interval")
    drawn = joint_resamples({key("dpo-bt"): figure(*values)}, numpy_generator(0, "draws"), 20_000)[
        key("dpo-bt")
    ]
    table = mean_interval(values, numpy_generator(1, "draws"), 0.95, 20_000)
    low, high = np.quantile(drawn, [0.025, 0.975])
    # Deviation of such a quantile is about 0.01 here.
    assert (low, high) == pytest.approx((table.low, table.high), abs=0.04)


def test_missing_values_and_prompts_do_not_count() -> None:
    of = {
        key("dpo-bt"): figure(np.array([2.0, np.nan, 2.0, 2.0])),
        key("dpo-hps"): figure(np.full(60, 5.0)),
    }
    drawn = joint_resamples(of, numpy_generator(0, "draws"), 200)
    shown = drawn[key("dpo-bt")]
    assert set(shown[np.isfinite(shown)]) == {2.0}
    assert set(drawn[key("dpo-hps")]) == {5.0}


def test_same_generator_same_resamples() -> None:
    of = {key("dpo-bt"): figure(*noise("again"))}
    one, other = (joint_resamples(of, numpy_generator(3, "draws"), 50) for _ in range(2))
    assert np.array_equal(one[key("dpo-bt")], other[key("dpo-bt")])
