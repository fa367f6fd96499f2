"""Distribution of margins over test prompts, from evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hps_bench.figures.panels import (
    DATASET,
    SETTING,
    draw_lines,
    finish,
    legend_above,
    method_handles,
    panels,
    parts,
)
from hps_bench.figures.policies import Policy, Row, by_policy, evaluations, over_seeds
from hps_bench.figures.settings import FigureJob
from hps_bench.figures.style import GREY, method_styles

COLUMNS = (*Policy._fields, "margin", "mean", "low", "high", "seeds")

_SHOWN = (0.005, 0.995)
"""Quantiles at which the axis begins and ends."""
_POINTS = 200

Margins = list[NDArray[np.float64]]
"""Margins over prompts, one array per seed."""


def records(job: FigureJob, results: Path) -> pd.DataFrame:
    """Share of prompts whose margin is at most that of the row.

    Returns:
        ``COLUMNS``; ``margin`` in nats, shares of 0 to 1.
    """
    found = {
        policy: margins
        for policy, cells in by_policy(job.cells).items()
        if (margins := _margins(evaluations(results, cells)))
    }
    panels_of = {policy: policy._replace(method="") for policy in found}
    points = {
        panel: _points([m for policy, m in found.items() if panels_of[policy] == panel])
        for panel in panels_of.values()
    }
    rows = [
        row
        for policy, margins in found.items()
        for row in _shares(policy, margins, points[panels_of[policy]])
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def draw(frame: pd.DataFrame) -> Figure:
    """A column of panels for each data set, a row for each setting."""
    styles = method_styles(frame["method"])
    rows, columns = parts(frame, SETTING), parts(frame, DATASET)
    titles = ([title for title, _ in rows], [title for title, _ in columns])
    figure, axes = panels(*titles, height=1.9, sharey=True)
    for row, (_, of_row) in zip(axes, rows, strict=True):
        row[0].set_ylabel("Share of test pairs")
        for place, (_, of_column) in zip(row, columns, strict=True):
            part = of_row[of_row.index.isin(of_column.index)]
            draw_lines(place, part, "margin", styles)
            if len(part):
                place.axvline(0, color=GREY, linewidth=0.6)
            place.locator_params(axis="x", nbins=6)
    axes[0][0].set_ylim(0, 1)
    finish(axes, "Margin RM_DPO, nats")
    legend_above(figure, method_handles(styles))
    return figure


def _margins(frames: Sequence[pd.DataFrame]) -> Margins:
    columns = (frame["rm_dpo"].dropna().to_numpy(dtype=float) for frame in frames)
    return [np.sort(values) for values in columns if len(values)]


def _points(of_panel: Sequence[Margins]) -> NDArray[np.float64]:
    """Margins at which the shares are taken, 0 among them where it is on the axis."""
    pooled = np.concatenate([values for margins in of_panel for values in margins])
    first, last = np.quantile(pooled, _SHOWN)
    return np.union1d(np.linspace(first, last, _POINTS), [0.0] if first < 0 < last else [])


def _shares(
    policy: Policy, margins: Margins, points: NDArray[np.float64]
) -> Iterator[Mapping[str, object]]:
    curves = [
        pd.Series(np.searchsorted(values, points, side="right") / len(values), points)
        for values in margins
    ]
    for row in over_seeds(curves, "margin"):
        yield Row({**policy._asdict(), **row})
