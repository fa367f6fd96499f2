import numpy as np
import pandas as pd
import pytest

from hps_bench.study.mixed_model import fit_mixed_model
from tests.unit.study.rated import crossed

MEANS = (3.2, 3.5, 3.9)
POLICIES = ("p0", "p1", "p2")
DEVIATIONS = {"rater": 0.4, "item": 0.5, "response": 0.3, "residual": 0.6}


def anova(ratings: pd.DataFrame) -> dict[str, float]:
    """Estimates from the expected mean squares of the balanced design, by hand.

    Raters are crossed with responses, which are items crossed with policies.
    """
    cube = ratings["score"].to_numpy().reshape(ratings["rater"].nunique(), -1, len(MEANS))
    raters, items, policies = cube.shape
    mean, by_rater = cube.mean(), cube.mean(axis=(1, 2))
    cell, by_item, by_policy = cube.mean(axis=0), cube.mean(axis=(0, 2)), cube.mean(axis=(0, 1))
    rest = cube - cell - by_rater[:, None, None] + mean
    residual = (rest**2).sum() / ((raters - 1) * (items * policies - 1))
    interaction = cell - by_item[:, None] - by_policy + mean
    response = raters * (interaction**2).sum() / ((items - 1) * (policies - 1))
    return {
        "rater": by_rater.var(ddof=1) - residual / (items * policies),
        "item": by_item.var(ddof=1) - response / (raters * policies),
        "response": (response - residual) / raters,
        "residual": residual,
        "error": np.sqrt(2 * response / (raters * items)),
    }


def test_estimates_are_those_of_the_balanced_analysis_of_variance() -> None:
    ratings = crossed(np.random.default_rng(1), 6, 8, MEANS, DEVIATIONS)
    found = fit_mixed_model(ratings, POLICIES)
    assert found is not None
    assert found.converged
    assert found.scores == 144
    expected = anova(ratings)
    assert min(expected.values()) > 0  # else restricted likelihood gives something else
    for source, variance in found.variances.items():
        assert variance == pytest.approx(expected[source], rel=2e-3, abs=2e-4), source
    averages = ratings.groupby("policy")["score"].mean()
    assert {name: of.value for name, of in found.means.items()} == pytest.approx(dict(averages))
    for of in found.differences:
        assert of.estimate.error == pytest.approx(expected["error"], rel=1e-3)
        assert of.estimate.value == pytest.approx(averages[of.first] - averages[of.second])
    assert [(of.first, of.second) for of in found.differences] == [
        ("p1", "p0"),
        ("p2", "p0"),
        ("p2", "p1"),
    ]


def test_parameters_are_recovered() -> None:
    ratings = crossed(np.random.default_rng(5), 14, 24, MEANS, DEVIATIONS)
    # Scores that are missing here and there make the design unbalanced.
    ratings.loc[np.random.default_rng(6).random(len(ratings)) < 0.1, "score"] = np.nan
    found = fit_mixed_model(ratings, POLICIES)
    assert found is not None
    assert found.scores == ratings["score"].notna().sum()
    for source, variance in found.variances.items():
        assert np.sqrt(variance) == pytest.approx(DEVIATIONS[source], abs=0.17), source
    for name, true in zip(POLICIES, MEANS, strict=True):
        assert abs(found.means[name].value - true) < 3 * found.means[name].error
    last = found.differences[1]
    assert last.estimate.value == pytest.approx(MEANS[2] - MEANS[0], abs=3 * last.estimate.error)
    assert last.p < 0.001
    assert found.p < 0.001


def test_equal_policies_are_told_apart_about_as_often_as_the_level_says() -> None:
    """Of 200 such studies 14 are; without the term of the response 65 would be."""
    deviations = {"rater": 0.3, "item": 0.4, "response": 0.5, "residual": 0.5}
    p_values = [
        found.p
        for seed in range(30)
        if (found := fit_mixed_model(_equal(seed, deviations), ("p0", "p1")))
    ]
    assert len(p_values) == 30
    assert sum(p < 0.05 for p in p_values) <= 5


def test_a_variance_of_zero_is_no_failure() -> None:
    still = {"rater": 0.0, "item": 0.0, "response": 0.0, "residual": 0.5}
    found = fit_mixed_model(crossed(np.random.default_rng(0), 4, 5, MEANS, still), POLICIES)
    assert found is not None
    assert all(0 <= found.variances[name] < 0.1 for name in ("rater", "item", "response"))
    assert found.variances["residual"] == pytest.approx(0.25, abs=0.12)


@pytest.mark.parametrize(
    "kept",
    [
        "rater == 'rater-00'",
        "item == 'i0'",
        "policy == 'p0'",
        "rater == 'nobody'",
    ],
)
def test_what_cannot_be_estimated(kept: str) -> None:
    ratings = crossed(np.random.default_rng(0), 3, 4, MEANS, DEVIATIONS)
    assert fit_mixed_model(ratings.query(kept), POLICIES) is None
    assert fit_mixed_model(ratings.assign(score=3.0), POLICIES) is None


def _equal(seed: int, deviations: dict[str, float]) -> pd.DataFrame:
    return crossed(np.random.default_rng(seed), 6, 10, (3.0, 3.0), deviations)
