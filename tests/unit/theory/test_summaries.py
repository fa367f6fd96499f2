"""Slopes, constants and bounds of made-up errors whose law is known."""

import numpy as np
import pandas as pd
import pytest

from hps_bench.theory import summaries
from hps_bench.theory.settings import SampleComplexity, Scenario, TheorySettings

GRID = Scenario(prompts=[100, 400, 1600], responses=[2, 4], methods=["pl", "top-1", "hps"])
SETTINGS = TheorySettings(
    seeds=3,
    sample_complexity=SampleComplexity(
        scenarios={"theorem": GRID, "practice": GRID.model_copy(update={"labels": "argmax"})}
    ),
)


def made(scenario: str = "theorem", floor: float = 0.0) -> pd.DataFrame:
    """Errors (1 + seed) · n^{−1/4} / √m, or that with a floor."""
    rows = [
        {
            **{"scenario": scenario, "method": method, "gamma": gamma},
            **{"responses": n, "prompts": m, "seed": seed},
            "error": max(floor, (1 + seed) * n**-0.25 / np.sqrt(m)),
        }
        for method, gamma in (("pl", None), ("top-1", None), ("hps", 1.0))
        for n in GRID.responses
        for m in GRID.prompts
        for seed in range(3)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(**dict.fromkeys(summaries.MEASURES[1:], 0.5))


def test_slopes_are_exponents() -> None:
    found = summaries.slopes(made())
    against = found.groupby("against")[["mean", "low", "high"]]
    np.testing.assert_allclose(against.get_group("prompts"), -0.5)
    np.testing.assert_allclose(against.get_group("responses"), -0.25)
    assert set(found["seeds"]) == {3}
    assert len(found) == 3 * (2 * 2 + 3)


def test_slope_of_the_last_two_shows_a_floor() -> None:
    """At 0.05 and n = 2 every seed is on the floor from m = 1600 on, and seed 0 from 400."""
    found = summaries.slopes(made(floor=0.1))
    last = found[(found["points"] == 2) & (found["against"] == "prompts")]
    whole = found[(found["points"] == 3) & (found["against"] == "prompts")]
    assert (last["mean"].to_numpy() > whole["mean"].to_numpy()).all()


def test_means_have_every_measure() -> None:
    found = summaries.means(made())
    assert len(found) == 3 * 2 * 3 * len(summaries.MEASURES)
    row = found[(found["measure"] == "error") & (found["prompts"] == 100)].iloc[0]
    assert row["mean"] == pytest.approx(2 * 2**-0.25 / 10)
    assert row["low"] <= row["mean"] <= row["high"]


def test_constant_of_an_error_that_does_not_fall_grows_as_root_m() -> None:
    found = summaries.constants(made(floor=10.0), SETTINGS)
    pl = found[(found["method"] == "pl") & (found["responses"] == 2)]["constant"].to_numpy()
    np.testing.assert_allclose(pl[1:] / pl[:-1], 2)


def test_bounds_hold_and_touch() -> None:
    """The placed bounds are at least the 1 − δ quantile of their estimator, once equal to it."""
    needed = summaries.constants(made(), SETTINGS)
    placed = summaries.bounds(needed, SETTINGS)
    for bound, method in (("hps", "top-1"), ("pl", "pl")):
        both = needed[needed["method"] == method].merge(
            placed[placed["bound"] == bound], on=["responses", "prompts"]
        )
        gaps = both["value"] - both["error"]
        assert gaps.min() == pytest.approx(0, abs=1e-12)
        assert gaps.max() > 0.01


def test_worlds_outside_the_theorem_have_no_bounds() -> None:
    needed = summaries.constants(pd.concat([made(), made("practice")]), SETTINGS)
    assert set(needed["scenario"]) == {"theorem"}


def test_each_bound_speaks_of_its_own_methods() -> None:
    names = ("pl", "top-1", "hps", "hps-full-n", "bt", "bt-random-pair")
    assert [summaries.bound_of(name) for name in names] == ["pl", "hps", "hps", "hps", None, None]
