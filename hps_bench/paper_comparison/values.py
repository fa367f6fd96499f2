"""Every published figure beside ours, with a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from hps_bench.paper_comparison.records import FigureKey, Measured
from hps_bench.paper_comparison.settings import Place
from hps_bench.paper_comparison.titles import TABLES
from hps_bench.statistics import Interval
from hps_bench.tables.published import PublishedFigure, published_figures
from hps_bench.tables.table import ALL_SETS, BASELINE

Verdict = Literal["agrees", "differs", "not comparable", "missing"]
VERDICTS: tuple[Verdict, ...] = ("agrees", "differs", "not comparable", "missing")

ONE_SEED = "one seed: its interval leaves out the spread between seeds"


@dataclass(frozen=True)
class ComparedFigure:
    """A published figure beside ours.

    Attributes:
        figure: the paper's.
        ours: mean and bounds; None where there are none, and for what programs have rated.
        seed_deviation: standard deviation of our seeds' means; None with fewer than two.
        verdict: ``agrees`` where the published figure, give or take its rounding, lies within our
            interval.
        reason: why there is no verdict; empty where there is one.
    """

    figure: PublishedFigure
    ours: Interval | None
    seed_deviation: float | None
    verdict: Verdict
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """Ours less the paper's."""
        return self.ours.mean - self.figure.value if self.ours else None

    @property
    def deviations(self) -> float | None:
        """The difference in standard deviations between seeds."""
        if self.difference is None or not self.seed_deviation:
            return None
        return self.difference / self.seed_deviation


def compare_figures(
    places: Iterable[Place], measured: Mapping[FigureKey, Measured]
) -> list[ComparedFigure]:
    """All figures of the paper, table by table and row by row.

    Args:
        places: from :func:`~hps_bench.paper_comparison.planning.comparison_job`.
        measured: from :func:`~hps_bench.paper_comparison.records.measure`.
    """
    by_place = {(place.key, place.group): place for place in places}
    return [
        _compare(
            figure,
            by_place[figure.key, figure.group],
            measured.get((figure.column, figure.key, figure.group)),
        )
        for table in TABLES
        for figure in published_figures(table)
    ]


def within(interval: Interval, value: float, rounding: float) -> bool:
    """Whether a rounded value may lie within an interval, bounds included."""
    return interval.low - rounding <= value <= interval.high + rounding


def _compare(figure: PublishedFigure, place: Place, ours: Measured | None) -> ComparedFigure:
    incomparable = [place.incomparable, ours.incomparable if ours else ""]
    if any(incomparable):
        shown = (ours.interval, ours.seed_deviation) if ours else (None, None)
        return ComparedFigure(
            figure, *shown, "not comparable", "; ".join(filter(None, incomparable))
        )
    if ours is None or ours.interval is None:
        return ComparedFigure(figure, None, None, "missing", _absence(place, ours))
    verdict, reason = _verdict(figure, ours.interval, ours.expected)
    return ComparedFigure(figure, ours.interval, ours.seed_deviation, verdict, reason)


def _absence(place: Place, ours: Measured | None) -> str:
    if not place.cells and place.group == ALL_SETS:
        return "no human study of the config asks for it"
    if not place.cells:
        return "no experiment of the config asks for it"
    return "not computed" if ours and ours.found else "no result yet"


def _verdict(figure: PublishedFigure, ours: Interval, expected: int) -> tuple[Verdict, str]:
    if ours.seeds < expected:
        return "not comparable", f"{ours.seeds} of {expected} seeds"
    if expected == 1 and figure.key != BASELINE:
        return "not comparable", ONE_SEED
    agrees = within(ours, figure.value, figure.rounding)
    return ("agrees" if agrees else "differs"), ""
