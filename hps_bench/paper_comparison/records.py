"""Our results where the paper has a figure: intervals, and the records that they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hps_bench.cell import Cell
from hps_bench.judge.verdicts import differences
from hps_bench.paper_comparison.settings import ComparisonJob, Place
from hps_bench.statistics import Interval
from hps_bench.tables.evaluations import interval_of, read_evaluations
from hps_bench.tables.judged import JudgedMeasure, judged_measure
from hps_bench.tables.layout import find_layout
from hps_bench.tables.metrics import Metric
from hps_bench.tables.published import PublishedLookup
from hps_bench.tables.rated import rated_measure
from hps_bench.tables.settings import TableJob, TableSettings
from hps_bench.tables.table import ALL_SETS, BASELINE, Group, RowKey

FigureKey = tuple[str, RowKey, Group]
"""Published column, row and data sets: what one figure is about, whatever table prints it."""

_SIGNS = {"win": 1, "lose": -1, "tie": 0}
"""Sign of a difference of scores by outcome."""
_JUDGED = "table4"
_RATED = "table3"
_QUALITY = "table8"
"""The layout with all published metrics of evaluations."""


@dataclass(frozen=True)
class Measured:
    """Our figure.

    Attributes:
        interval: mean over seeds with its bounds, as in our tables; None where there is none, or
            where programs were the raters.
        found: seeds whose results exist.
        expected: seeds that the config asks for.
        incomparable: why it bears no verdict all the same; else empty.
        by_seed: values of prompts, one series per seed that has some, by id of the prompt.
    """

    interval: Interval | None
    found: int
    expected: int
    incomparable: str = ""
    by_seed: tuple[pd.Series, ...] = field(default=(), compare=False, repr=False)

    @property
    def seed_deviation(self) -> float | None:
        """Standard deviation of the means of seeds; None with fewer than two."""
        means = [float(values.mean()) for values in self.by_seed if values.notna().any()]
        return float(np.std(means, ddof=1)) if len(means) > 1 else None


def measure(job: ComparisonJob, results: Path) -> dict[FigureKey, Measured]:
    """Our figures at all places where we have cells.

    Args:
        job: places and cells.
        results: folder of one config's results, with ``evaluations`` and ``judge``.

    Raises:
        UserError: a file is damaged.
    """
    places = [place for place in job.measured if place.group != ALL_SETS]
    quality = [place for place in places if not place.key.opponent]
    judged = [place for place in places if place.key.opponent]
    found = {
        key: value
        for place in quality
        for key, value in _quality(place, results, job.statistics).items()
    }
    rated = [place for place in job.measured if place.group == ALL_SETS]
    return {**found, **_judged(judged, job, results), **_rated(rated, job, results)}


def _quality(place: Place, results: Path, statistics: TableSettings) -> dict[FigureKey, Measured]:
    paths = place.evaluation_paths
    frames = read_evaluations(results / "evaluations" / path for path in paths)
    return {
        (metric.published, place.key, place.group): Measured(
            interval_of(frames, metric.source, statistics, paths),
            len(frames),
            len(paths),
            by_seed=tuple(
                values
                for frame in frames
                if (values := frame[metric.source].astype(float)).notna().any()
            ),
        )
        for metric in _published_metrics(_QUALITY)
    }


def _judged(places: list[Place], job: ComparisonJob, results: Path) -> dict[FigureKey, Measured]:
    if not places:
        return {}
    cells = list(dict.fromkeys(cell for place in places for cell in _both_sides(place)))
    table = TableJob(cells=cells, incomparable=[None] * len(cells), statistics=job.statistics)
    layout = find_layout(_JUDGED)
    measure = judged_measure(layout, table, results, PublishedLookup(lambda _: None))
    return {
        key: value
        for place in places
        for key, value in _shares(place, measure, job.judge_incomparable).items()
    }


def _rated(places: list[Place], job: ComparisonJob, results: Path) -> dict[FigureKey, Measured]:
    """Scores by raters; one policy of each method is rated, so that there is one seed."""
    if not places:
        return {}
    everywhere = PublishedLookup(lambda _: None)
    measure = rated_measure(find_layout(_RATED), results, everywhere, job.statistics)
    return {
        (metric.published, place.key, place.group): Measured(
            None if value.incomparable else _of_one_seed(value.interval),
            found=int(value.found > 0),
            expected=1,
            incomparable=value.incomparable
            or (f"{value.found} of {value.expected} raters" if value.partial else ""),
            by_seed=(measure.by_prompt(place.key, place.cells, metric),),
        )
        for place in places
        for metric, value in zip(
            measure.layout.metrics, measure.values(place.key, place.cells), strict=True
        )
        if metric.published
    }


def _of_one_seed(interval: Interval | None) -> Interval | None:
    """In the table, raters stand in the place of seeds."""
    return interval and replace(interval, seeds=1)


def _both_sides(place: Place) -> Iterator[Cell]:
    for cell in place.cells:
        yield cell
        if place.key.opponent != BASELINE.method:
            yield replace(cell, method=place.key.opponent)


def _shares(place: Place, measure: JudgedMeasure, incomparable: str) -> dict[FigureKey, Measured]:
    values = dict(zip(measure.layout.metrics, measure.values(place.key, place.cells), strict=True))
    by_outcome = _outcomes(place, measure)
    return {
        (metric.published, place.key, place.group): Measured(
            values[metric].interval,
            values[metric].found,
            values[metric].expected,
            incomparable or values[metric].incomparable,
            by_outcome.get(metric.published, ()),
        )
        for metric in _published_metrics(_JUDGED)
    }


def _outcomes(place: Place, measure: JudgedMeasure) -> Mapping[str, tuple[pd.Series, ...]]:
    """100 for every prompt with an outcome and 0 for the others, by outcome and seed."""
    judged = measure.judgements.get(place.group.evaluated_on)
    if judged is None:
        return {}
    frames = (
        differences(judged.scores, cell.policy_path, opponent)
        for cell, opponent in zip(place.cells, _opponents(place), strict=True)
    )
    found = [f["score"] for f in frames if f is not None and f["score"].notna().any()]
    return {
        name: tuple((100.0 * (np.sign(seed) == sign)).where(seed.notna()) for seed in found)
        for name, sign in _SIGNS.items()
    }


def _opponents(place: Place) -> list[str]:
    """Labels of the opponents, seed by seed."""
    if place.key.opponent == BASELINE.method:
        return [BASELINE.method] * len(place.cells)
    return [replace(cell, method=place.key.opponent).policy_path for cell in place.cells]


def _published_metrics(layout: str) -> list[Metric]:
    return [metric for metric in find_layout(layout).metrics if metric.published]
