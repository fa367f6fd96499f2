"""Policies as points: a mean with its bounds on both axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hps_bench.figures.panels import Styles, axis_text, method_handles, whiskers
from hps_bench.figures.policies import Row
from hps_bench.figures.style import GREY, label
from hps_bench.statistics import Interval
from hps_bench.tables.table import BASELINE

Markers = Mapping[str, str]
_MARKERS = ("o", "s", "^", "D", "v", "P", "*", "h")


def bounds(name: str, interval: Interval) -> Row:
    """An interval as three columns."""
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def bounded(names: Iterable[str]) -> tuple[str, ...]:
    """Columns that :func:`bounds` gives."""
    return tuple(f"{name}{bound}" for name in names for bound in ("", "_low", "_high"))


def reward_markers(rewards: Iterable[str]) -> Markers:
    """A marker for each reward where there are several; else markers tell methods apart."""
    names = [name for name in dict.fromkeys(rewards) if name != BASELINE.reward]
    return dict(zip(names, cycle(_MARKERS))) if len(names) > 1 else {}


def point_handles(styles: Styles, markers: Markers, *, lined: bool = False) -> list[Artist]:
    """Entries of a legend: methods, and rewards where these have the markers."""
    if not markers:
        return [*method_handles(styles, marked=True, lined=lined)]
    colours = method_handles(styles) if lined else _patches(styles)
    rewards = [
        Line2D([], [], color=GREY, linestyle="none", marker=marker, label=axis_text("reward", name))
        for name, marker in markers.items()
    ]
    return [*colours, *rewards]


def _patches(styles: Styles) -> Iterable[Artist]:
    for method, style in styles.items():
        yield Patch(color=style.colour, label=label(method.upper()))


def draw_points(
    axes: Axes, part: pd.DataFrame, x: str, y: str, styles: Styles, markers: Markers
) -> None:
    """A marker and whiskers for each row that has both values.

    Args:
        axes: the panel.
        part: rows with ``method``, ``reward``, x, y and their bounds.
        x: column.
        y: column.
        styles: of the methods.
        markers: of the rewards, from :func:`reward_markers`.
    """
    together = part.dropna(subset=[x, y]).groupby(["method", "reward"], sort=False)
    for (method, reward), points in together:
        style = styles[str(method)]
        axes.errorbar(
            points[x],
            points[y],
            xerr=whiskers(points, x, f"{x}_low", f"{x}_high"),
            yerr=whiskers(points, y, f"{y}_low", f"{y}_high"),
            color=style.colour,
            linestyle="none",
            marker=markers.get(str(reward), style.marker),
            elinewidth=0.7,
            capsize=1.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            markersize=5,
        )
