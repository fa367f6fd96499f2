"""Policies as points: a mean with its bounds on both axes."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes

from hps_bench.figures.panels import Styles, whiskers
from hps_bench.figures.policies import Row
from hps_bench.statistics import Interval


def bounds(name: str, interval: Interval) -> Row:
    """An interval as three columns."""
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def bounded(names: Iterable[str]) -> tuple[str, ...]:
    """Columns that :func:`bounds` gives."""
    return tuple(f"{name}{bound}" for name in names for bound in ("", "_low", "_high"))


def draw_points(axes: Axes, part: pd.DataFrame, x: str, y: str, styles: Styles) -> None:
    """A marker and whiskers for each row that has both values; colour and marker by method."""
    for method, points in part.dropna(subset=[x, y]).groupby("method", sort=False):
        style = styles[str(method)]
        axes.errorbar(
            points[x],
            points[y],
            xerr=whiskers(points, x, f"{x}_low", f"{x}_high"),
            yerr=whiskers(points, y, f"{y}_low", f"{y}_high"),
            color=style.colour,
            linestyle="none",
            marker=style.marker,
            elinewidth=0.7,
            capsize=1.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            markersize=5,
        )
