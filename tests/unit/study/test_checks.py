from typing import Any

import numpy as np
import pytest
from scipy import stats

from hps_bench.study.checks import mean_drift, rater_reports
from hps_bench.study.ratings import RatedStudy, join_ratings
from tests.unit.study.rated import Row, rated, rating, rows, study_files

RATERS, ITEMS = 4, 6


def scores(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(2, 4, (RATERS, ITEMS, 4)).round(2)


def study(*more: Row, checks: bool = False, **fields: Any) -> RatedStudy:
    drawn = scores()
    assignment, key = study_files(RATERS, ITEMS, checks=checks)
    given = rows(lambda r, i, p: {"overall": drawn[r, i, p]}, RATERS, ITEMS, **fields)
    return join_ratings(assignment, key, [*given, *more])


def test_counts_and_spread_of_a_rater() -> None:
    report = rater_reports(study())[1]
    own = scores()[1].ravel()
    assert (report.rater, report.responses, report.rated) == ("rater-01", 24, 24)
    assert report.mean == pytest.approx(own.mean())
    assert report.deviation == pytest.approx(own.std(ddof=1))
    assert report.median_seconds == 60
    assert report.hasty == 0
    assert report.reasons == ()


def test_correlation_is_with_the_mean_of_the_others() -> None:
    drawn = scores()
    report = rater_reports(study())[2]
    others = drawn[[0, 1, 3]].mean(axis=0)
    expected = stats.spearmanr(drawn[2].ravel(), others.ravel()).statistic
    assert report.correlation == pytest.approx(expected)


def test_drift_is_the_slope_of_the_distance_to_the_others() -> None:
    """One rater's scores rise by 0.1 a task over those of the others, give or take noise."""
    noise = np.random.default_rng(1).normal(0, 0.05, (RATERS, 12, 4))
    found = rater_reports(
        rated(lambda r, i, p: 2.5 + noise[r, i, p] + (0.1 * i if r == 0 else 0), RATERS, 12)
    )
    first, second = found[0].drift, found[1].drift
    assert first is not None
    assert second is not None
    assert first.slope == pytest.approx(0.1, abs=0.02)
    assert first.low < 0.1 < first.high
    assert first.p < 1e-6
    # A third of what the others are compared with moves; Holm has four tests.
    assert second.slope == pytest.approx(-0.1 / 3, abs=0.02)
    values = noise[1] - (noise[[0, 2, 3]].mean(axis=0) + 0.1 * np.arange(12)[:, None] / 3)
    fit = stats.linregress(np.arange(1, 13), values.mean(axis=1))
    assert second.slope == pytest.approx(fit.slope)
    assert fit.pvalue <= second.p <= 4 * fit.pvalue


def test_mean_drift_is_a_t_test_over_raters() -> None:
    reports = rater_reports(study())
    found = mean_drift(reports)
    slopes = [report.drift.slope for report in reports if report.drift]
    expected = stats.ttest_1samp(slopes, 0)
    assert found is not None
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert mean_drift(reports[:1]) is None


@pytest.mark.parametrize(("given", "failed"), [(2.0, 0), (2.01, 1), (None, 1)])
def test_an_attention_check_asks_for_exact_scores(given: float | None, failed: int) -> None:
    check = [rating(0, "check", f"check{k}", ITEMS + 1, 5.0 if k else given) for k in range(4)]
    report = rater_reports(study(*check, checks=True))[0]
    assert (report.checks, report.failed_checks) == (1, failed)
    assert report.reasons == (("1 of 1 attention checks failed",) if failed else ())
    assert report.responses == report.rated == 24


def test_a_check_that_was_not_submitted_is_not_failed() -> None:
    report = rater_reports(study(checks=True))[0]
    assert (report.checks, report.reasons) == (0, ())


@pytest.mark.parametrize(("seconds", "hasty"), [(3.99, True), (4.0, False)])
def test_haste_is_reading_faster_than_100_characters_a_second(seconds: float, hasty: bool) -> None:
    """An item has four responses of 90 characters and a prompt of 40."""
    report = rater_reports(study(seconds=seconds))[0]
    assert report.hasty == float(hasty)
    assert bool(report.reasons) is hasty


def test_the_time_of_a_program_says_nothing() -> None:
    report = rater_reports(study(seconds=0.01, source="simulated"))[0]
    assert (report.median_seconds, report.hasty, report.reasons) == (None, None, ())


def test_equal_scores_for_every_response() -> None:
    def give(rater: int, _item: int, policy: int) -> dict[str, float | None]:
        return {"overall": 3.0, "safety": 4.0 + (rater * policy) / 10}

    reports = rater_reports(rated(give, 2, 2))
    assert reports[0].reasons == ("the same scores for every response",)
    assert reports[1].reasons == ()
    assert reports[0].correlation is None


def test_a_rater_who_submitted_nothing() -> None:
    assignment, key = study_files(2, 2)
    reports = rater_reports(join_ratings(assignment, key, rows(lambda *_: 3.0, 1, 1)))
    assert reports[1].rated == 0
    assert (reports[1].mean, reports[1].drift, reports[1].reasons) == (None, None, ())
