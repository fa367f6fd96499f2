"""Win rates by a judge's scores: policies against the reference model and their counterparts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import pandas as pd

from hps_bench.cell import Cell
from hps_bench.judge.verdicts import Array, IntervalOf, differences, p_values, shares
from hps_bench.seeding import numpy_generator
from hps_bench.statistics import Interval, holm, mean_interval
from hps_bench.tables.footnotes import interval_note
from hps_bench.tables.judgements import Judgements, read_judgements
from hps_bench.tables.layout import TableLayout, dataset_title
from hps_bench.tables.metrics import SIGN_P, SIGNED_RANK_P, WIN
from hps_bench.tables.opponents import Place, matches, opponents
from hps_bench.tables.published import PublishedLookup
from hps_bench.tables.settings import TableJob, TableSettings
from hps_bench.tables.table import BASELINE, Group, RowKey, Value

Labels = tuple[str, str]
"""Of a policy and of its opponent, in the judgements."""


@dataclass(frozen=True)
class Comparison:
    """A policy against an opponent.

    Attributes:
        seeds: seeds for which both were judged.
        values: by name of the metric; metrics without a value are left out.
        uncounted: prompts without a score on one side, all seeds together.
    """

    seeds: int
    values: Mapping[str, Interval]
    uncounted: int


@dataclass(frozen=True)
class JudgedMeasure:
    """Who wins how often, one row per comparison; build it with :func:`judged_measure`.

    Attributes:
        job: the table's cells and statistics.
        judgements: by test set; only those that exist.
        comparisons: by row and group.
    """

    layout: TableLayout
    job: TableJob
    published: PublishedLookup
    judgements: Mapping[str, Judgements]
    comparisons: Mapping[Place, Comparison]

    def row_keys(self, cell: Cell) -> tuple[RowKey, ...]:
        """Comparisons of a cell's policy; none for a counterpart."""
        return tuple(key for key, _ in opponents(cell, self.job.cells))

    def group(self, cell: Cell) -> Group:
        """Columns that a cell belongs to."""
        return Group(cell.trained_on, cell.evaluated_on)

    def values(self, key: RowKey, cells: Sequence[Cell]) -> tuple[Value, ...]:
        """Values of a row; ``cells`` are of the same group and differ in their seed."""
        group = self.group(cells[0])
        comparison = self.comparisons[key, group]
        paper = self.published.judged(self.layout.name, key, group, cells, self._judge(group))
        return tuple(
            Value(
                comparison.values.get(metric.name),
                comparison.seeds,
                len(cells),
                *paper.beside(metric),
            )
            for metric in self.layout.metrics
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """How win rates and their bounds were computed, by whose scores, and what failed."""
        recipes = dict.fromkeys(map(_recipe, self.judgements.values()))
        counts = (self._counted(name, judged) for name, judged in self.judgements.items())
        return (interval_note(self.job.statistics), *recipes, *counts)

    def _judge(self, group: Group) -> str | None:
        judged = self.judgements.get(group.evaluated_on)
        return judged.judge if judged else None

    def _counted(self, dataset: str, judged: Judgements) -> str:
        """Judgements by outcome, and prompts that lack a score."""
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(judged.outcomes.items()))
        uncounted = sum(
            comparison.uncounted
            for (_, group), comparison in self.comparisons.items()
            if group.evaluated_on == dataset
        )
        return (
            f"{dataset_title(dataset)}, judgements of these policies: {outcomes}. Prompts without "
            f"a score on one side, all comparisons together: {uncounted}."
        )


def judged_measure(
    layout: TableLayout, job: TableJob, results: Path, published: PublishedLookup
) -> JudgedMeasure:
    """Compare every policy of a table with its opponents.

    Raises:
        UserError: a file is damaged, or there is nothing to compare.
    """
    labels = {
        place: [
            (cell.policy_path, opponent.policy_path if opponent else BASELINE.method)
            for cell, opponent in pairs
        ]
        for place, pairs in matches(layout.name, job.cells).items()
    }
    judgements = dict(_judgements(results / "judge", labels))
    frames = {
        place: _by_seed(judgements.get(place[1].evaluated_on), pairs)
        for place, pairs in labels.items()
    }
    tests = _tests(frames)
    comparisons = {
        place: _comparison(layout, frames[place], tests.get(place, {}), job.statistics, pairs)
        for place, pairs in labels.items()
    }
    return JudgedMeasure(layout, job, published, judgements, comparisons)


def _judgements(
    folder: Path, labels: Mapping[Place, Sequence[Labels]]
) -> Iterator[tuple[str, Judgements]]:
    """Judgements that exist, by test set."""
    by_set: dict[str, set[str]] = defaultdict(set)
    for (_, group), pairs in labels.items():
        by_set[group.evaluated_on].update(*pairs)
    for dataset, policies in by_set.items():
        judged = read_judgements(folder / dataset, policies)
        if judged:
            yield dataset, judged


def _by_seed(judged: Judgements | None, pairs: Iterable[Labels]) -> list[pd.DataFrame]:
    """Differences of scores, one frame per seed for which both were judged, prompts aligned."""
    if judged is None:
        return []
    found = (differences(judged.scores, *pair) for pair in pairs)
    frames = [frame for frame in found if frame is not None]
    prompts = sorted(set().union(*(frame.index for frame in frames)))
    return [frame.reindex(prompts) for frame in frames]


def _tests(frames: Mapping[Place, Sequence[pd.DataFrame]]) -> dict[Place, dict[str, float]]:
    """Values of p by name of the metric, after Holm over all places that have scores."""
    raw = {
        place: p_values(_columns(of, "score"))
        for place, of in frames.items()
        if any(frame["score"].notna().any() for frame in of)
    }
    adjusted = [holm(of_one_test) for of_one_test in zip(*raw.values(), strict=True)]
    by_place = zip(*adjusted, strict=True)
    return {
        place: {SIGN_P.name: sign, SIGNED_RANK_P.name: rank}
        for place, (sign, rank) in zip(raw, by_place, strict=True)
    }


def _comparison(
    layout: TableLayout,
    frames: Sequence[pd.DataFrame],
    tests: Mapping[str, float],
    settings: TableSettings,
    pairs: Iterable[Labels],
) -> Comparison:
    values: dict[str, Interval] = {}
    for column in dict.fromkeys(metric.source for metric in layout.metrics):
        items = ["judge", column, *chain.from_iterable(pairs)]
        found = shares(_columns(frames, column), _intervals(settings, items))
        if found:
            values |= {_name(outcome, column): share for outcome, share in vars(found).items()}
    for metric in layout.metrics:
        if metric.is_p and metric.name in tests:
            p = tests[metric.name]
            values[metric.name] = replace(values[WIN.name], mean=p, low=p, high=p)
    uncounted = sum(int(frame["score"].isna().sum()) for frame in frames)
    return Comparison(len(frames), values, uncounted)


def _intervals(settings: TableSettings, items: Sequence[str]) -> IntervalOf:
    """Intervals from the same resamples each time."""

    def interval(values: Sequence[Array]) -> Interval:
        rng = numpy_generator(settings.seed, "tables", *items)
        return mean_interval(values, rng, settings.level, settings.resamples)

    return interval


def _name(outcome: str, column: str) -> str:
    return outcome if column == "score" else f"{outcome}_{column}"


def _columns(frames: Iterable[pd.DataFrame], column: str) -> list[Array]:
    return [frame[column].to_numpy(dtype=float) for frame in frames]


def _recipe(judged: Judgements) -> str:
    return (
        "A score is the mean of correctness, helpfulness, safety and clarity, each 0 to 5 in steps "
        f"of 0.5. A prompt has the {judged.aggregate} of its {judged.samples} samples, of the "
        "score and of each criterion by itself, and counts where both policies have a score. "
        f"Judge: {judged.judge}, which sees one response at a time and not whose it is."
    )
