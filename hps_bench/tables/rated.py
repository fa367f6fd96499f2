"""Scores by the raters of the human study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from hps_bench.cell import Cell
from hps_bench.statistics import Interval
from hps_bench.study.assignment import ASSIGNMENT
from hps_bench.study.rates import mean_score
from hps_bench.study.ratings import COLUMNS, SIMULATED_NOTE, read_study
from hps_bench.study.titles import ratings_mark, shown_title
from hps_bench.tables.layout import TableLayout
from hps_bench.tables.metrics import Metric
from hps_bench.tables.published import PublishedLookup
from hps_bench.tables.settings import TableSettings
from hps_bench.tables.table import ALL_SETS, BASELINE, Group, RowKey, Value


@dataclass(frozen=True)
class RatedMeasure:
    """Scores of policies, one row per policy; build it with :func:`rated_measure`.

    Attributes:
        scored: submitted ratings with their policies and data sets.
        submitted: raters who submitted some.
        asked: raters of the assignment.
        simulated: whether some raters are programs.
    """

    layout: TableLayout
    scored: pd.DataFrame
    submitted: int
    asked: int
    simulated: bool
    published: PublishedLookup
    settings: TableSettings

    def row_keys(self, cell: Cell) -> tuple[RowKey, ...]:
        """Rows that a cell belongs to: its own, below that of the reference model."""
        return BASELINE, RowKey(cell.reward, cell.method, cell.responses, cell.beta)

    def group(self, cell: Cell) -> Group:
        """Columns that a cell belongs to."""
        return ALL_SETS if self.layout.pooled else Group(cell.trained_on, cell.evaluated_on)

    def values(self, key: RowKey, cells: Sequence[Cell]) -> tuple[Value, ...]:
        """Values of a row; ``cells`` are its policies on the data sets of a group."""
        group = self.group(cells[0])
        paper = self.published.rated(self.layout.name, key, group, cells, self.simulated)
        scored, policy = self._scored(cells), _policy(key, cells)
        return tuple(
            Value(
                self._mean(scored, policy, metric),
                self.submitted,
                self.asked,
                *paper.beside(metric),
            )
            for metric in self.layout.metrics
        )

    def by_prompt(self, key: RowKey, cells: Sequence[Cell], metric: Metric) -> pd.Series:
        """Means over raters of a policy's scores, by item."""
        scored = self._scored(cells)
        own = scored[scored["policy"] == _policy(key, cells)]
        return own.groupby("item")[metric.source].mean()

    @property
    def notes(self) -> tuple[str, ...]:
        """How means and their bounds were computed, and of whom."""
        note = (
            f"Mean over raters, below it the {100 * self.settings.level:g} % interval: percentile "
            f"bootstrap over raters and the prompts that they share, {self.settings.resamples} "
            "resamples. All raters who submitted count; the table of agreement has the means "
            "without those who fail a check."
        )
        return (SIMULATED_NOTE, note) if self.simulated else (note,)

    def _mean(self, scored: pd.DataFrame, policy: str, metric: Metric) -> Interval | None:
        """Mean of a policy; its raters stand where other tables count seeds."""
        of = mean_score(scored, policy, metric.source, self.settings)
        return Interval(of.mean, of.low, of.high, of.raters, of.prompts) if of else None

    def _scored(self, cells: Sequence[Cell]) -> pd.DataFrame:
        """Ratings of all policies on the data sets of some cells."""
        return self.scored[self.scored["dataset"].isin([cell.evaluated_on for cell in cells])]


def rated_measure(
    layout: TableLayout, results: Path, published: PublishedLookup, settings: TableSettings
) -> RatedMeasure:
    """Read the study under ``results``; where there is none yet, all of its values are missing.

    Raises:
        UserError: a file is damaged, or ratings do not fit their assignment.
    """
    folder = results / "study"
    if not (folder / ASSIGNMENT).is_file():
        nothing = pd.DataFrame(columns=COLUMNS)
        return RatedMeasure(layout, nothing, 0, 1, False, published, settings)
    study = read_study(folder)
    asked = len(study.assignment.raters)
    marked = replace(
        layout,
        title=shown_title(layout.title, study.simulated),
        ratings=ratings_mark(study.simulated) if study.raters else "",
    )
    return RatedMeasure(
        marked, study.scored, len(study.raters), asked, study.simulated, published, settings
    )


def _policy(key: RowKey, cells: Sequence[Cell]) -> str:
    """Name of a row's policy in the study's key."""
    return key.method if key == BASELINE else cells[0].policy
