"""What happens to human test pairs over training, from the snapshots' trajectories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hps_bench.cell import Cell
from hps_bench.figures.panels import (
    DATASET,
    SETTING,
    Styles,
    draw_lines,
    finish,
    legend_above,
    method_handles,
    panels,
    parts,
)
from hps_bench.figures.policies import Policy, Row, by_policy, over_seeds, trained
from hps_bench.figures.settings import FigureJob
from hps_bench.figures.style import BLACK, DASHED, GREY, SOLID, method_styles
from hps_bench.trajectory.reading import read_trajectory, trajectory_file

COLUMNS = (*Policy._fields, "quantity", "share", "mean", "low", "high", "seeds")
QUANTITIES = ("ranking_accuracy", "entanglement", "log_ratio_chosen", "log_ratio_rejected")

_TITLES = ("Ranking accuracy", "Gradient cosine", "Log-ratio h, nats")


def records(job: FigureJob, results: Path) -> pd.DataFrame:
    """Means over test pairs at each snapshot.

    Returns:
        ``COLUMNS``; ``share`` of training, ``quantity`` one of ``QUANTITIES``.
    """
    rows = [
        row
        for policy, cells in by_policy(trained(job.cells)).items()
        for row in _curves(policy, cells, results)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def draw(frame: pd.DataFrame) -> Figure:
    """A row of panels for each data set and setting."""
    styles = method_styles(frame["method"])
    rows = parts(frame, [*DATASET, *SETTING])
    figure, axes = panels([title for title, _ in rows], _TITLES, sharex=True)
    for row, (_, part) in zip(axes, rows, strict=True):
        of = {name: part[part["quantity"] == name] for name in QUANTITIES}
        for place, name in zip(row[:2], QUANTITIES, strict=False):
            draw_lines(place, of[name], "share", styles, marked=True)
        _draw_ratios(row[2], of["log_ratio_chosen"], of["log_ratio_rejected"], styles)
    finish(axes, "Share of training")
    legend_above(figure, [*method_handles(styles, marked=True), *_kinds()])
    return figure


def trajectory(results: Path, cell: Cell) -> pd.DataFrame:
    """Trajectory of a cell's policy, one row per point of training and pair; empty if none."""
    file = trajectory_file(cell, results)
    return read_trajectory(file).records if file.is_file() else pd.DataFrame()


def _curves(policy: Policy, cells: Sequence[Cell], results: Path) -> Iterator[Row]:
    runs = [run for cell in cells if len(run := trajectory(results, cell))]
    means = [_entangled(run).groupby("share")[list(QUANTITIES)].mean() for run in runs]
    for quantity in QUANTITIES:
        for point in over_seeds([of_seed[quantity] for of_seed in means], "share"):
            yield {**policy._asdict(), "quantity": quantity, **point}


def _entangled(run: pd.DataFrame) -> pd.DataFrame:
    """With the cosine of the two gradients; NaN where one is zero."""
    norms = run["gradient_norm_chosen"] * run["gradient_norm_rejected"]
    return run.assign(entanglement=run["gradient_inner"] / norms.where(norms > 0, np.nan))


def _draw_ratios(axes: Axes, chosen: pd.DataFrame, rejected: pd.DataFrame, styles: Styles) -> None:
    """Both log-ratios; the dash tells them apart, colour and marker the methods."""
    axes.axhline(0, color=GREY, linewidth=0.6)
    for part, dash in ((chosen, SOLID), (rejected, DASHED)):
        draw_lines(axes, part, "share", styles, marked=True, dash=dash)


def _kinds() -> list[Line2D]:
    return [
        Line2D([], [], color=BLACK, linestyle=SOLID, label="h preferred"),
        Line2D([], [], color=BLACK, linestyle=DASHED, label="h dispreferred"),
    ]
