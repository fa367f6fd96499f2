"""Differences between policies, paired by prompt and seed: sizes, intervals and tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hps_bench.cell import Cell
from hps_bench.seeding import numpy_generator
from hps_bench.statistics import (
    Array,
    Interval,
    VarianceComponents,
    corpus_bleu_difference,
    corpus_bleu_randomisation_test,
    dominance,
    holm,
    mean_interval,
    random_effects_test,
    randomisation_test,
    standardised_difference,
    variance_components,
)
from hps_bench.tables.evaluations import BLEU_STATISTICS, bleu_statistics, read_evaluations
from hps_bench.tables.footnotes import interval_note
from hps_bench.tables.layout import TableLayout
from hps_bench.tables.metrics import COHEN, DIFFERENCE, DOMINANCE, PROMPTS_P, SEEDS_P, Metric
from hps_bench.tables.opponents import Match, Place, matches, opponents
from hps_bench.tables.seeds_needed import seeds_notes
from hps_bench.tables.settings import TableJob, TableSettings
from hps_bench.tables.table import Group, RowKey, Value

_DECIMALS = 9
"""Digits of a difference that count, so that what is equal but for rounding is equal."""

Frames = Sequence[pd.DataFrame]


@dataclass(frozen=True)
class PairedRecords:
    """Records of a policy and of its opponent, a frame per seed that both have.

    All frames have the same prompts in the same order.
    """

    first: Frames
    second: Frames

    def have(self, column: str) -> bool:
        """Whether there is a prompt with a value of both policies."""
        pairs = zip(self.first, self.second, strict=True)
        return any((one[column].notna() & other[column].notna()).any() for one, other in pairs)


@dataclass(frozen=True)
class Comparison:
    """What the records of two policies say about one metric.

    Attributes:
        seeds: seeds that both policies have.
        sizes: difference and effect sizes by name; those that do not exist are left out.
        p: values of p by name, each for itself.
        components: of the differences' variance; None with one seed, or for a corpus metric.
    """

    seeds: int
    sizes: Mapping[str, Interval] = field(default_factory=dict)
    p: Mapping[str, float] = field(default_factory=dict)
    components: VarianceComponents | None = None


@dataclass(frozen=True)
class ComparedMeasure:
    """One row per metric and comparison; build it with :func:`compared_measure`.

    Attributes:
        comparisons: by row and group, p after Holm.
    """

    layout: TableLayout
    job: TableJob
    comparisons: Mapping[Place, Comparison]

    def row_keys(self, cell: Cell) -> tuple[RowKey, ...]:
        """Comparisons of a cell's policy in every metric; none for a counterpart."""
        keys = [key for key, _ in opponents(cell, self.job.cells)]
        pairs = ((metric, key) for metric in self.layout.compared for key in keys)
        return tuple(replace(key, metric=of) for of, key in pairs if self._is_shown(of, key))

    def group(self, cell: Cell) -> Group:
        """Columns that a cell belongs to."""
        return Group(cell.trained_on, cell.evaluated_on)

    def values(self, key: RowKey, cells: Sequence[Cell]) -> tuple[Value, ...]:
        """Values of a row; ``cells`` are of the same group and differ in their seed."""
        found = self.comparisons[key, self.group(cells[0])]
        return tuple(
            Value(_value(found, quantity), found.seeds, len(cells))
            for quantity in self.layout.metrics
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """How differences were computed and tested, and how many seeds would say more."""
        settings = self.job.statistics
        tests = Counter(name for found in self.comparisons.values() for name in found.p)
        of_prompts, of_seeds = tests[PROMPTS_P.name], tests[SEEDS_P.name]
        return (
            interval_note(settings),
            "A difference is the first policy's value less the second's, by prompt and seed; in "
            "every resample both have the same prompts and the same seeds. The SFT model has no "
            "seeds.",
            "Values of p are after Holm, each kind of test by itself, over all of the table: "
            f"{of_prompts} tests of prompts, {of_seeds} of seeds. Each test of prompts has "
            f"{settings.exchanges} random exchanges, so that none is below "
            f"{of_prompts / (settings.exchanges + 1):.2g}.",
            *seeds_notes(self.layout, self._components(), settings.level),
        )

    def _is_shown(self, metric: Metric, key: RowKey) -> bool:
        """Whether a row says something, or may when results that are missing are there."""
        row = replace(key, metric=metric)
        found = [of for (key, _), of in self.comparisons.items() if key == row]
        to_come = not metric.optional and any(not of.seeds for of in found)
        return to_come or any(of.sizes for of in found)

    def _components(self) -> dict[Place, VarianceComponents]:
        found = {place: comparison.components for place, comparison in self.comparisons.items()}
        return {place: components for place, components in found.items() if components}


def compared_measure(layout: TableLayout, job: TableJob, results: Path) -> ComparedMeasure:
    """Compare every policy of a table with its opponents, in every metric of the layout.

    Raises:
        UserError: a file is damaged, or there is nothing to compare.
    """
    found: dict[Place, Comparison] = {}
    for (key, group), pairs in matches(layout.name, job.cells).items():
        records = _read(results / "evaluations", pairs)
        for metric in layout.compared:
            items = ["comparisons", metric.name, *_paths(pairs)]
            comparison = _compared(records, metric.source, job.statistics, items)
            found[replace(key, metric=metric), group] = comparison
    return ComparedMeasure(layout, job, _adjusted(found))


def _paths(pairs: Iterable[Match]) -> list[str]:
    """Evaluations of both policies in turn, seed by seed."""
    return [
        path
        for cell, opponent in pairs
        for path in (
            cell.evaluation_path,
            opponent.evaluation_path if opponent else cell.baseline_path,
        )
    ]


def _read(folder: Path, pairs: Sequence[Match]) -> PairedRecords:
    """Records of the seeds for which both evaluations exist."""
    paths = [folder / path for path in _paths(pairs)]
    both = [
        pair
        for pair in zip(paths[::2], paths[1::2], strict=True)
        if all((path / "records.parquet").is_file() for path in pair)
    ]
    frames = read_evaluations(path for pair in both for path in pair)
    return PairedRecords(frames[::2], frames[1::2])


def _compared(
    records: PairedRecords, column: str, settings: TableSettings, items: Sequence[str]
) -> Comparison:
    if not records.have(column):
        return Comparison(len(records.first))
    first, second = ([of[column] for of in frames] for frames in (records.first, records.second))
    rng = numpy_generator(settings.seed, "tables", *items)
    if column == BLEU_STATISTICS:
        one, other = ([bleu_statistics(of) for of in columns] for columns in (first, second))
        return _bleu(one, other, rng, settings)
    pairs = zip(first, second, strict=True)
    differences = [(one - other).to_numpy(dtype=float).round(_DECIMALS) for one, other in pairs]
    return _mean(differences, rng, settings)


def _mean(
    differences: Sequence[Array], rng: np.random.Generator, settings: TableSettings
) -> Comparison:
    shape = (rng, settings.level, settings.resamples)
    sizes = {
        DIFFERENCE.name: mean_interval(differences, *shape),
        COHEN.name: standardised_difference(differences, *shape),
        DOMINANCE.name: dominance(differences, *shape),
    }
    p = {PROMPTS_P.name: randomisation_test(differences, rng, settings.exchanges)}
    components = variance_components(differences)
    if components:
        p[SEEDS_P.name] = random_effects_test(components)
    existing = {name: size for name, size in sizes.items() if size}
    return Comparison(len(differences), existing, p, components)


def _bleu(
    first: Sequence[Array],
    second: Sequence[Array],
    rng: np.random.Generator,
    settings: TableSettings,
) -> Comparison:
    size = corpus_bleu_difference(first, second, rng, settings.level, settings.resamples)
    p = corpus_bleu_randomisation_test(first, second, rng, settings.exchanges)
    return Comparison(len(first), {DIFFERENCE.name: size}, {PROMPTS_P.name: p})


def _adjusted(found: Mapping[Place, Comparison]) -> dict[Place, Comparison]:
    """The same with p after Holm, over all places that have this test."""
    adjusted: dict[Place, dict[str, float]] = {place: {} for place in found}
    for name in (PROMPTS_P.name, SEEDS_P.name):
        raw = {place: of.p[name] for place, of in found.items() if name in of.p}
        for place, p in zip(raw, holm(list(raw.values())), strict=True):
            adjusted[place][name] = p
    return {place: replace(of, p=adjusted[place]) for place, of in found.items()}


def _value(found: Comparison, quantity: Metric) -> Interval | None:
    """A size, or a p in the place of the difference's mean and bounds."""
    if not quantity.is_p:
        return found.sizes.get(quantity.name)
    p = found.p.get(quantity.name)
    return None if p is None else replace(found.sizes[DIFFERENCE.name], mean=p, low=p, high=p)
