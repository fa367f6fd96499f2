"""Footnotes of a table of comparisons: how many seeds would say more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from hps_bench.statistics import (
    MOST_SEEDS,
    VarianceComponents,
    half_width,
    seeds_to_detect,
    seeds_to_narrow,
)
from hps_bench.tables.layout import TableLayout
from hps_bench.tables.metrics import Metric
from hps_bench.tables.opponents import Place

POWER = 0.8

Found = Mapping[Place, VarianceComponents]


def seeds_notes(layout: TableLayout, found: Found, level: float) -> Iterator[str]:
    """Seeds that halve the intervals, and that find the smallest difference of each metric.

    Args:
        layout: of the table.
        found: variance components by row and group, of comparisons with two seeds or more.
        level: of the intervals; tests are at 1 − level.
    """
    if not found:
        yield "How differences vary between seeds takes two of them to say."
        return
    by_metric = {
        metric: {place: of for place, of in found.items() if place[0].metric == metric}
        for metric in layout.compared
    }
    measured = [(metric, of) for metric, of in by_metric.items() if of]
    halving = "; ".join(_halving(metric, of, level) for metric, of in measured)
    detecting = "; ".join(_detecting(metric, of, level) for metric, of in measured)
    seeds = max(of.seeds for of in found.values())
    yield (
        f"Seeds that would halve the interval of a difference, by its variance over seeds and "
        f"prompts: {halving}. In the other comparisons the number of prompts bounds it. Rough: "
        f"{seeds} seeds say little about their own spread."
    )
    yield (
        f"Seeds that would find the smallest difference with {100 * POWER:g} % power, before "
        f"Holm: {detecting}."
    )


def _halving(metric: Metric, found: Found, level: float) -> str:
    """For example ``RM_DPO 5–12 (4 of 6)``: what seeds alone do, in how many comparisons."""
    tried = [
        seeds_to_narrow(of, float(half_width(of, of.seeds, level)) / 2, level)
        for of in found.values()
    ]
    needed = sorted(seeds for seeds in tried if seeds)
    bounds = "–".join(str(seeds) for seeds in dict.fromkeys([*needed[:1], *needed[-1:]]))
    return f"{metric.title} {bounds or 'no number'} ({len(needed)} of {len(tried)})"


def _detecting(metric: Metric, found: Found, level: float) -> str:
    key, group = min(found, key=lambda place: abs(found[place].mean))
    smallest = found[key, group]
    needed = seeds_to_detect(smallest, smallest.mean, level, POWER)
    seeds = f"more than {MOST_SEEDS}" if needed is None else str(needed)
    size = np.format_float_positional(abs(smallest.mean), precision=2, fractional=False)
    return f"{metric.title} {seeds} ({size}: {key.title}, {group.title})"
