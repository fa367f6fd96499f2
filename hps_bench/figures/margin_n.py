"""Margin against n, in nats, in units of its own, and at equal KL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from hps_bench.cell import Cell
from hps_bench.figures.panels import (
    DATASET,
    draw_whiskers,
    finish,
    legend_above,
    log_axis,
    method_handles,
    panels,
    parts,
)
from hps_bench.figures.policies import Policy, Row, by_axes, by_policy, evaluations
from hps_bench.figures.settings import FigureJob
from hps_bench.figures.style import method_styles
from hps_bench.tables.layout import find_layout
from hps_bench.tables.margins import MarginMeasure
from hps_bench.tables.metrics import MARGIN_AT_KL, MARGIN_IN_SD, MARGIN_PER_KL, RM_DPO
from hps_bench.tables.published import PublishedLookup
from hps_bench.trajectory.reading import trajectory_file

COLUMNS = (*Policy._fields, "quantity", "mean", "low", "high", "seeds", "prompts")

_ROW = (*DATASET, "reward", "beta")
QUANTITIES = {
    RM_DPO: "Margin RM_DPO, nats",
    MARGIN_IN_SD: "Margin / its SD over prompts",
    MARGIN_PER_KL: "Margin / KL",
    MARGIN_AT_KL: "Margin at equal KL, nats",
}
"""Metrics of the tables, and their titles."""


def records(job: FigureJob, results: Path) -> pd.DataFrame:
    """Margins by n, of policies that differ in nothing but n.

    Returns:
        ``COLUMNS``; ``quantity`` is the name of one of ``QUANTITIES``.
    """
    rows = [
        row for cells in by_axes(job.cells, _ROW).values() for row in _of_row(cells, job, results)
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    compared = frame.groupby([*_ROW, "method", "quantity"])["responses"].transform("nunique") > 1
    return frame[compared].sort_values("responses", kind="stable", ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """A row for each data set, reward and β; a column for each unit."""
    styles = method_styles(frame["method"])
    rows = parts(frame, _ROW)
    shown = {of: title for of, title in QUANTITIES.items() if of.name in set(frame["quantity"])}
    titles = ([title for title, _ in rows], list(shown.values()))
    figure, axes = panels(*titles, height=1.6, sharex=True)
    for row, (_, part) in zip(axes, rows, strict=True):
        for place, metric in zip(row, shown, strict=True):
            of = part[part["quantity"] == metric.name]
            draw_whiskers(place, of, "responses", styles)
            log_axis(place, "x", frame["responses"].unique())
    finish(axes, "n, responses per prompt")
    legend_above(figure, method_handles(styles, marked=True))
    return figure


def _of_row(cells: Sequence[Cell], job: FigureJob, results: Path) -> Iterator[Row]:
    """As the tables have it, without the paper's numbers; policies of a row are matched."""
    layout, published = find_layout("margins-normalised"), PublishedLookup(lambda _: None)
    matched = _matched(cells, job, results)
    measure = MarginMeasure(layout, results, published, job.statistics, cells, matched)
    for policy, seeds in by_policy(cells).items():
        yield from _margins(measure, policy, seeds, results)


def _matched(cells: Sequence[Cell], job: FigureJob, results: Path) -> frozenset[str]:
    """Policies with a trajectory, of seeds in which all policies that have any have one.

    Another seed's would be matched with fewer policies, and so at another KL.
    """
    there = {
        cell
        for cell in cells
        if cell.policy_path in job.followed and trajectory_file(cell, results).is_file()
    }
    seeds = [{cell.seed for cell in own if cell in there} for own in by_policy(cells).values()]
    shared = set.intersection(*filter(None, seeds)) if there else set()
    return frozenset(cell.policy_path for cell in there if cell.seed in shared)


def _margins(
    measure: MarginMeasure, policy: Policy, cells: Sequence[Cell], results: Path
) -> Iterator[Row]:
    frames = evaluations(results, cells)
    paths = [cell.evaluation_path for cell in cells]
    for metric in QUANTITIES:
        if interval := measure.interval(metric, frames, cells, paths):
            yield {**policy._asdict(), "quantity": metric.name, **vars(interval)}
