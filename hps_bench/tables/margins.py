"""Margins on scales that policies share: per nat of KL, in deviations, per token, at equal KL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd

from hps_bench.cell import Cell
from hps_bench.errors import UserError
from hps_bench.seeding import numpy_generator
from hps_bench.statistics import Array, Interval, mean_interval
from hps_bench.statistics.resampling import Statistic, bootstrap_interval
from hps_bench.tables.evaluations import read_evaluations
from hps_bench.tables.metrics import (
    MARGIN_AT_END,
    MARGIN_AT_KL,
    MARGIN_IN_SD,
    MARGIN_PER_KL,
    MARGIN_PER_TOKEN,
    RANKS_OF_REWARD,
    RANKS_OF_TRUE_REWARD,
    Metric,
)
from hps_bench.tables.quality import QualityMeasure
from hps_bench.trajectory.matched import Course, matched_kl, matched_margin, matched_terms
from hps_bench.trajectory.reading import Trajectory, read_trajectory, trajectory_file

Terms = Callable[[pd.DataFrame], Array]

MARGIN = "rm_dpo"
_QUALITIES = {"reward_mean": "mean evaluation reward", "true_reward": "mean true reward"}
_FEWEST_RUNS = 3
"""Runs that a correlation over runs needs."""


@dataclass(frozen=True)
class MarginMeasure(QualityMeasure):
    """Margins of policies, normalised; the layout's other metrics as in any table.

    Attributes:
        cells: all cells of the table.
        followed: paths of the policies that have a trajectory.
    """

    cells: Sequence[Cell]
    followed: frozenset[str]

    def interval(
        self,
        metric: Metric,
        frames: Sequence[pd.DataFrame],
        cells: Sequence[Cell],
        paths: Sequence[str],
    ) -> Interval | None:
        """Mean and interval of a metric; None where nothing gives it."""
        if metric.source:
            return super().interval(metric, frames, cells, paths)
        rng = numpy_generator(self.settings.seed, "tables", metric.name, *paths)
        level, resamples = self.settings.level, self.settings.resamples
        if metric.name in _OF_TRAJECTORIES:
            own = [_OF_TRAJECTORIES[metric.name](found) for found in self._of(cells)]
            return mean_interval(own, rng, level, resamples) if own else None
        terms, statistic = self._sums(metric, frames, cells)
        terms = [array for array in terms if array.any()]
        with np.errstate(divide="ignore", invalid="ignore"):
            estimates = [statistic(array.sum(axis=0, keepdims=True))[0] for array in terms]
            if not (estimates and np.isfinite(estimates).all()):
                return None
            return bootstrap_interval(terms, statistic, rng, level, resamples)

    @property
    def notes(self) -> tuple[str, ...]:
        """How means and their bounds were computed, KL that were matched, correlations."""
        return (*super().notes, *self._matched_notes(), *self._correlation_notes())

    def _sums(
        self, metric: Metric, frames: Sequence[pd.DataFrame], cells: Sequence[Cell]
    ) -> tuple[list[Array], Statistic]:
        """Summands by prompt of each seed, and what is made of their sums."""
        if metric == MARGIN_AT_KL:
            return self._matched(cells)
        terms, statistic = _OF_RECORDS[metric.name]
        return [terms(frame) for frame in frames], statistic

    def _matched(self, cells: Sequence[Cell]) -> tuple[list[Array], Statistic]:
        """Each seed's policies are matched with each other."""
        own = [self._trajectories[cell].course for cell in cells if cell in self._trajectories]
        others = [self._compared(cell) for cell in cells if cell in self._trajectories]
        most = max(map(len, others), default=0)
        # Where a seed has fewer policies yet, the policy itself stands for what is missing.
        terms = [
            matched_terms(course, [*beside, *[course] * (most - len(beside))])
            for course, beside in zip(own, others, strict=True)
        ]
        return terms, partial(matched_margin, points=own[0].kl.shape[1] if own else 0)

    def _compared(self, cell: Cell) -> list[Course]:
        """Courses of the other policies of a cell's seed in its columns."""
        return [
            found.course
            for other, found in self._trajectories.items()
            if other != cell and (other.seed, self.group(other)) == (cell.seed, self.group(cell))
        ]

    def _of(self, cells: Sequence[Cell]) -> list[Trajectory]:
        return [self._trajectories[cell] for cell in cells if cell in self._trajectories]

    @cached_property
    def _trajectories(self) -> dict[Cell, Trajectory]:
        """Trajectories that exist, of policies that are evaluated on the data they learnt from.

        Raises:
            UserError: two that are to be compared are not of the same pairs.
        """
        files = {
            cell: trajectory_file(cell, self.results)
            for cell in self.cells
            if cell.policy_path in self.followed and cell.evaluated_on == cell.trained_on
        }
        found = {cell: read_trajectory(file) for cell, file in files.items() if file.is_file()}
        first: dict[str, tuple[str, ...]] = {}
        for cell, trajectory in found.items():
            if first.setdefault(cell.trained_on, trajectory.prompts) != trajectory.prompts:
                raise UserError(f"{files[cell]}: of other pairs than the others; make it again")
        return found

    def _matched_notes(self) -> Iterator[str]:
        for group in dict.fromkeys(map(self.group, self._trajectories)):
            own = [cell for cell in self._trajectories if self.group(cell) == group]
            seeds = {cell.seed: cell for cell in own}
            kls = [self._matched_kl(cell) for cell in seeds.values()]
            yield (
                f"{group.title}: margins are compared at a KL of {np.mean(kls):.3f} nats, the "
                f"smallest at the end of training, mean over {len(kls)} seeds."
            )

    def _matched_kl(self, cell: Cell) -> float:
        (terms,), _ = self._matched([cell])
        points = self._trajectories[cell].course.kl.shape[1]
        return float(matched_kl(terms.sum(axis=0, keepdims=True), points)[0])

    def _correlation_notes(self) -> Iterator[str]:
        for group in dict.fromkeys(map(self.group, self.cells)):
            own = [cell.evaluation_path for cell in self.cells if self.group(cell) == group]
            frames = read_evaluations(self.results / "evaluations" / path for path in own)
            found = {title: _across(frames, column) for column, title in _QUALITIES.items()}
            known = [f"{rho:.2f} with {title}" for title, rho in found.items() if rho is not None]
            if known:
                yield (
                    f"{group.title}: over {len(frames)} runs, mean RM_DPO has a rank correlation "
                    f"(Spearman) of {' and '.join(known)}."
                )


def _across(frames: Sequence[pd.DataFrame], column: str) -> float | None:
    """Spearman's ρ over runs of mean margin and mean quality; None where it is not defined."""
    from scipy.stats import spearmanr

    means = [(frame[MARGIN].mean(), frame[column].mean()) for frame in frames]
    values = np.array(means, dtype=float).reshape(-1, 2)
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < _FEWEST_RUNS or (np.ptp(values, axis=0) == 0).any():
        return None
    return float(spearmanr(*values.T).statistic)


def _computed(frame: pd.DataFrame, *columns: str) -> tuple[Array, Array]:
    """Values of the prompts that have all columns, and whether a prompt has, (prompts, 1)."""
    values = frame[list(columns)].to_numpy(dtype=float)
    computed = np.isfinite(values).all(axis=1, keepdims=True)
    return np.where(computed, values, 0.0), computed.astype(float)


def _ratio_terms(frame: pd.DataFrame) -> Array:
    return _computed(frame, MARGIN, "kl_preferred")[0]


def _ratio(sums: Array) -> Array:
    return np.asarray(sums[:, 0] / sums[:, 1])


def _moment_terms(frame: pd.DataFrame) -> Array:
    values, computed = _computed(frame, MARGIN)
    return np.hstack([computed, values, values**2])


def _standardised(sums: Array) -> Array:
    """Mean over standard deviation (n − 1)."""
    count, total, squares = sums.T
    variance = np.maximum(squares - total**2 / count, 0.0) / (count - 1)
    return np.asarray(total / count / np.sqrt(variance))


def _rank_terms(column: str, frame: pd.DataFrame) -> Array:
    """Moments of ranks, less their mean; a resample keeps the ranks of the whole sample."""
    from scipy.stats import rankdata

    values, computed = _computed(frame, MARGIN, column)
    terms = np.zeros((len(values), 6))
    there = computed[:, 0] > 0
    if there.any():
        ranks = rankdata(values[there], axis=0)
        one, other = (ranks - ranks.mean(axis=0)).T
        columns = (np.ones_like(one), one, other, one**2, other**2, one * other)
        terms[there] = np.column_stack(columns)
    return terms


def _correlation(sums: Array) -> Array:
    """Pearson's r from a count, sums, sums of squares, and the sum of products."""
    count, one, other, one_squared, other_squared, product = sums.T
    covariance = product - one * other / count
    spreads = (one_squared - one**2 / count) * (other_squared - other**2 / count)
    return np.asarray(covariance / np.sqrt(spreads))


_OF_TRAJECTORIES: dict[str, Callable[[Trajectory], Array]] = {
    MARGIN_AT_END.name: lambda found: found.course.margins[:, -1],
    MARGIN_PER_TOKEN.name: lambda found: found.margins_per_token,
}
"""Metrics that are means over the pairs of the trajectories."""

_OF_RECORDS: dict[str, tuple[Terms, Statistic]] = {
    MARGIN_PER_KL.name: (_ratio_terms, _ratio),
    MARGIN_IN_SD.name: (_moment_terms, _standardised),
    RANKS_OF_REWARD.name: (partial(_rank_terms, "reward_mean"), _correlation),
    RANKS_OF_TRUE_REWARD.name: (partial(_rank_terms, "true_reward"), _correlation),
}
"""Metrics that are made of sums over the records: their terms, and what is made of the sums."""
