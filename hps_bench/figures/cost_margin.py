"""Margin against the cost of training, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from hps_bench.cell import Cell
from hps_bench.figures.panels import (
    DATASET,
    axis_text,
    legend_above,
    log_axis,
    panels,
    parts,
    varying,
)
from hps_bench.figures.points import bounded, bounds, draw_points, point_handles, reward_markers
from hps_bench.figures.policies import Policy, Row, by_policy, evaluations, spread
from hps_bench.figures.settings import FigureJob
from hps_bench.figures.style import BLACK, GREY, label, method_styles
from hps_bench.tables.cost import read_costs
from hps_bench.tables.evaluations import interval_of
from hps_bench.tables.layout import policy_title

COLUMNS = (*Policy._fields, *bounded(["device_seconds", "margin"]), "front", "seeds")

_LINE = 56
"""Characters of a line below a panel."""
_UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0))


def records(job: FigureJob, results: Path) -> pd.DataFrame:
    """Cost and margin of each policy that is trained and evaluated.

    Returns:
        ``COLUMNS``; ``front`` is true where no other policy of the data set is as cheap and as
        good. Bounds of the cost are the fastest and the slowest seed.
    """
    policies = by_policy(job.cells).items()
    rows = [row for policy, cells in policies if (row := _point(policy, cells, job, results))]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    front = pd.Series(False, frame.index)
    for _, part in frame.groupby(list(DATASET)):
        values = part[["device_seconds", "margin"]].to_numpy(dtype=float)
        front[part.index] = pareto_front(values[:, 0], values[:, 1])
    return frame.assign(front=front)


def pareto_front(costs: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points no other point beats.

    A point is beaten by one that costs no more and is worth no less, and differs in either.

    Args:
        costs: shape (points,), less is better.
        values: shape (points,), more is better.
    """
    no_worse = (costs[:, None] <= costs) & (values[:, None] >= values)
    differs = (costs[:, None] != costs) | (values[:, None] != values)
    return np.asarray(~(no_worse & differs).any(axis=0))


def draw(frame: pd.DataFrame) -> Figure:
    """A panel for each data set."""
    unit, seconds = _unit(frame["device_seconds"])
    of_unit = {name: frame[name] / seconds for name in bounded(["device_seconds"])}
    frame = frame.assign(**of_unit)
    styles = method_styles(frame["method"])
    markers, columns = reward_markers(frame["reward"]), parts(frame, DATASET)
    figure, axes = panels([""], [title for title, _ in columns], height=2.3)
    for place, (_, part) in zip(axes[0], columns, strict=True):
        log_axis(place, "x")
        front = part[part["front"]]
        _draw_front(place, front)
        draw_points(place, part, "device_seconds", "margin", styles, markers)
        place.set_xlabel(f"Device time of training, {unit}\n{_front_names(front, varying(frame))}")
    axes[0][0].set_ylabel("Margin RM_DPO, nats")
    line = Line2D([], [], color=GREY, linewidth=0.8, label="Pareto front")
    legend_above(figure, [*point_handles(styles, markers), line])
    return figure


def _point(policy: Policy, cells: Sequence[Cell], job: FigureJob, results: Path) -> Row:
    """Cost and margin of one policy; empty where either is not there."""
    costs = [cost.device_seconds for cost in read_costs(results, cells).values()]
    paths = [cell.evaluation_path for cell in cells]
    margin = interval_of(evaluations(results, cells), "rm_dpo", job.statistics, paths)
    if not costs or margin is None:
        return {}
    time = spread(np.array(costs))
    seconds = {
        "device_seconds": time["mean"],
        "device_seconds_low": time["low"],
        "device_seconds_high": time["high"],
    }
    return {**policy._asdict(), **seconds, **bounds("margin", margin), "seeds": margin.seeds}


def _draw_front(axes: Axes, front: pd.DataFrame) -> None:
    """Steps along the front, from the cheapest policy to the dearest, and a ring around each."""
    front = front.sort_values("device_seconds")
    x, y = front["device_seconds"], front["margin"]
    axes.step(x, y, where="post", color=GREY, linewidth=0.8, zorder=1)
    axes.plot(x, y, "o", color=BLACK, fillstyle="none", markersize=8, markeredgewidth=0.8)


def _front_names(front: pd.DataFrame, differing: Sequence[str]) -> str:
    """Policies of the front, with n and β where they differ in the figure."""
    names = (
        " ".join(
            [
                label(policy_title(row["reward"], row["method"])),
                *(axis_text(axis, row[axis]) for axis in differing),
            ]
        )
        for row in front.sort_values("device_seconds").to_dict("records")
    )
    return fill(f"Front: {', '.join(names)}", _LINE, break_on_hyphens=False)


def _unit(seconds: pd.Series) -> tuple[str, float]:
    """The largest unit of which the median has at least one, and its seconds."""
    middle = float(seconds.median())
    return next((unit for unit in _UNITS if middle >= unit[1]), _UNITS[-1])
