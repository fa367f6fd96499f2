import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hps_bench.seeding import numpy_generator
from hps_bench.study.agreement import agreement, ordinal_alpha

NAN = np.nan

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers,
# twelve units, five values; ordinal α = 0.815, as the text and as the package of that name say.
WORKED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)


def package_alpha(scores: np.ndarray) -> float:
    krippendorff = pytest.importorskip("krippendorff")
    return float(krippendorff.alpha(scores, level_of_measurement="ordinal"))


def test_the_published_example() -> None:
    assert ordinal_alpha(WORKED) == pytest.approx(0.815, abs=5e-4)
    assert ordinal_alpha(WORKED) == pytest.approx(package_alpha(WORKED), abs=1e-12)


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(2, 12), st.floats(0, 0.6))
def test_it_is_that_of_the_package(seed: int, raters: int, units: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    true = rng.normal(3, 1, units)
    scores = np.clip(np.round(true + rng.normal(0, 1, (raters, units)), 1), 1, 5)
    scores[rng.random(scores.shape) < missing] = NAN
    found = ordinal_alpha(scores)
    if not np.isnan(found):
        assert found == pytest.approx(package_alpha(scores), abs=1e-9)


def test_full_agreement_and_what_has_no_alpha() -> None:
    assert ordinal_alpha(np.array([[1.0, 2.5, 4.0]] * 3)) == 1
    assert np.isnan(ordinal_alpha(np.full((3, 4), 2.0)))
    assert np.isnan(ordinal_alpha(np.array([[1.0, NAN], [NAN, 2.0]])))
    assert agreement(np.full((3, 4), 2.0), np.arange(4), numpy_generator(0)) is None


def test_only_the_order_of_scores_counts() -> None:
    assert ordinal_alpha(np.exp(WORKED)) == pytest.approx(ordinal_alpha(WORKED), abs=1e-12)


def test_interval_resamples_items_with_all_their_responses() -> None:
    """The same resamples, unit by unit, through the package."""
    rng = np.random.default_rng(3)
    items = np.repeat(["a", "b", "c", "d"], 2)
    scores = np.round(rng.normal(3, 1, 8) + rng.normal(0, 0.6, (5, 8)))
    found = agreement(scores, items, numpy_generator(7), resamples=60)
    assert found is not None
    drawn = numpy_generator(7).multinomial(4, [0.25] * 4, size=60)
    draws = [package_alpha(np.repeat(scores, np.repeat(times, 2), axis=1)) for times in drawn]
    expected = np.quantile(draws, [0.025, 0.975])
    assert [found.low, found.high] == pytest.approx(expected, abs=1e-9)
    assert (found.units, found.scores) == (8, 40)
    assert found.low < found.alpha < found.high


def test_units_with_one_score_do_not_count() -> None:
    found = agreement(WORKED, np.arange(12), numpy_generator(0))
    assert found is not None
    assert (found.units, found.scores) == (11, 40)


def test_the_interval_covers_the_alpha_of_the_population() -> None:
    """Ratings of many items have the population's α; of 40 studies of 25 items few miss it."""
    rng = np.random.default_rng(0)

    def draw(items: int) -> np.ndarray:
        true = np.repeat(rng.normal(0, 1, items), 2) + rng.normal(0, 0.5, 2 * items)
        return np.asarray(np.round(2 * (true + rng.normal(0, 1, (6, 2 * items)))) / 2)

    population = ordinal_alpha(draw(4000))
    covered = 0
    for study in range(40):
        found = agreement(draw(25), np.repeat(np.arange(25), 2), numpy_generator(study))
        assert found is not None
        covered += found.low <= population <= found.high
    assert 33 <= covered <= 40
