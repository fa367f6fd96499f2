"""What can be said against a rater: failed checks, haste, equal scores, and drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from hps_bench.statistics import holm
from hps_bench.study.assignment import Item, Packet
from hps_bench.study.criteria import OVERALL, SCORES
from hps_bench.study.ratings import SIMULATED, RatedStudy

FASTEST_READING = 100.0
"""Characters a second, about 1000 words a minute: four times what adults read (Brysbaert 2019)."""

_FEWEST = 3
"""Tasks that a slope or a correlation needs."""


@dataclass(frozen=True)
class Drift:
    """How a rater's scores move while the study goes on.

    Attributes:
        slope: of the overall score less the mean of the other raters, per task.
        low: lower bound of its 95 % interval.
        high: upper bound.
        p: two-sided t test that the slope is 0, after Holm over all raters.
    """

    slope: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class RaterReport:
    """One rater.

    Attributes:
        rater: name.
        responses: that the rater was given.
        rated: of these, submitted with an overall score; attention checks are not among them.
        checks: attention checks that were submitted.
        failed_checks: of these, with other scores than asked for.
        median_seconds: on a task; None where no time of a person is known.
        hasty: share of timed tasks that took less time than reading them does; None likewise.
        mean: overall score.
        deviation: standard deviation of the overall scores; None with fewer than two.
        correlation: Spearman's, of the overall scores with the mean of the other raters.
        drift: None with too few tasks.
        reasons: why the rater fails; empty for one who does not.
    """

    rater: str
    responses: int
    rated: int
    checks: int
    failed_checks: int
    median_seconds: float | None
    hasty: float | None
    mean: float | None
    deviation: float | None
    correlation: float | None
    drift: Drift | None
    reasons: tuple[str, ...]


def rater_reports(study: RatedStudy) -> list[RaterReport]:
    """All raters of the assignment, also those who submitted nothing.

    A rater fails who does not give the scores that an attention check asks for, is hasty in more
    than half of the tasks, or gives every response the same scores. Disagreement with others and
    drift are no reasons: leaving such raters out would make the others agree by construction.
    """
    distances = _distances_to_others(study.scored)
    items = study.assignment.by_item
    reports = [_report(study, packet, items, distances) for packet in study.assignment.raters]
    return _corrected(reports)


def mean_drift(reports: Sequence[RaterReport], level: float = 0.95) -> Drift | None:
    """Mean of the raters' slopes, with the t interval over raters.

    Returns:
        None with fewer than two slopes.
    """
    from scipy.stats import t

    slopes = np.array([report.drift.slope for report in reports if report.drift])
    if len(slopes) < 2:
        return None
    mean, error = float(slopes.mean()), float(slopes.std(ddof=1) / np.sqrt(len(slopes)))
    half = error * float(t.ppf((1 + level) / 2, len(slopes) - 1))
    p = float(2 * t.sf(abs(mean) / error, len(slopes) - 1)) if error else float(mean == 0)
    return Drift(mean, mean - half, mean + half, p)


def _report(
    study: RatedStudy, packet: Packet, items: Mapping[str, Item], distances: pd.DataFrame
) -> RaterReport:
    own = study.ratings[study.ratings["rater"] == packet.rater]
    submitted = own[own["submitted_at"].notna()]
    scored = submitted[submitted["policy"].notna() & submitted[OVERALL].notna()]
    given = [task for task in packet.tasks if items[task.item].check is None]
    checked = list(_checks(submitted, packet, items))
    seconds, hasty = _haste(submitted, items)
    apart = distances[distances["rater"] == packet.rater]
    overall = scored[OVERALL].to_numpy(dtype=float)
    return RaterReport(
        rater=packet.rater,
        responses=sum(len(task.responses) for task in given),
        rated=len(scored),
        checks=len(checked),
        failed_checks=checked.count(False),
        median_seconds=seconds,
        hasty=hasty,
        mean=float(overall.mean()) if len(overall) else None,
        deviation=float(overall.std(ddof=1)) if len(overall) > 1 else None,
        correlation=_correlation(apart),
        drift=_drift(apart),
        reasons=tuple(_reasons(checked, hasty, scored)),
    )


def _checks(submitted: pd.DataFrame, packet: Packet, items: Mapping[str, Item]) -> Iterator[bool]:
    """For each attention check that was rated, whether its scores are those asked for."""
    by_response = submitted.set_index("response")
    for task in packet.tasks:
        check = items[task.item].check
        if check is not None and check.response in by_response.index:
            given = by_response.loc[check.response]
            # A score that was left out is not the one asked for, either.
            yield all(given[name] == score for name, score in check.expected.items())


def _haste(submitted: pd.DataFrame, items: Mapping[str, Item]) -> tuple[float | None, float | None]:
    """Median seconds on a task, and the share of tasks that took less than reading them does.

    How long a program takes says nothing.
    """
    people = submitted[submitted["source"] != SIMULATED]
    timed = people.dropna(subset=["seconds"]).groupby("item")["seconds"].max()
    if timed.empty:
        return None, None
    needed = [_characters(items[str(name)]) / FASTEST_READING for name in timed.index]
    return float(timed.median()), float((timed.to_numpy() < np.array(needed)).mean())


def _characters(item: Item) -> int:
    prompt = sum(len(turn.content) for turn in item.prompt)
    return prompt + sum(len(response.text) for response in item.responses)


def _reasons(checked: Sequence[bool], hasty: float | None, scored: pd.DataFrame) -> Iterator[str]:
    if not all(checked):
        yield f"{checked.count(False)} of {len(checked)} attention checks failed"
    if hasty is not None and hasty > 0.5:
        yield f"{100 * hasty:.0f} % of tasks faster than they can be read"
    scores = scored[list(SCORES)]
    if len(scores) > 1 and (scores.nunique(dropna=True) <= 1).all():
        yield "the same scores for every response"


def _distances_to_others(scored: pd.DataFrame) -> pd.DataFrame:
    """Columns ``rater``, ``task``, ``own`` and ``others``, the mean of all other raters."""
    rated = scored.dropna(subset=[OVERALL])
    by_response = rated.groupby("response")[OVERALL]
    total, count = by_response.transform("sum"), by_response.transform("count")
    kept = rated[count > 1]
    others = (total - rated[OVERALL])[count > 1] / (count[count > 1] - 1)
    return pd.DataFrame(
        {"rater": kept["rater"], "task": kept["task"], "own": kept[OVERALL], "others": others}
    )


def _correlation(apart: pd.DataFrame) -> float | None:
    from scipy.stats import spearmanr

    if len(apart) < _FEWEST or min(apart["own"].nunique(), apart["others"].nunique()) < 2:
        return None
    return float(spearmanr(apart["own"], apart["others"]).statistic)


def _drift(apart: pd.DataFrame) -> Drift | None:
    """Slope over tasks, each with the mean of its responses: these do not vary on their own."""
    from scipy.stats import linregress, t

    by_task = (apart["own"] - apart["others"]).groupby(apart["task"]).mean()
    if len(by_task) < _FEWEST:
        return None
    fit = linregress(by_task.index.to_numpy(dtype=float), by_task.to_numpy())
    slope, half = float(fit.slope), float(fit.stderr * t.ppf(0.975, len(by_task) - 2))
    return Drift(slope, slope - half, slope + half, float(fit.pvalue))


def _corrected(reports: Sequence[RaterReport]) -> list[RaterReport]:
    """The same with each slope's p after Holm over all raters."""
    adjusted = iter(holm([report.drift.p for report in reports if report.drift]))
    return [
        replace(report, drift=replace(report.drift, p=next(adjusted))) if report.drift else report
        for report in reports
    ]
