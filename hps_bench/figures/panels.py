"""Small multiples: a grid of axes with titles, lines with bands in them, one legend for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    FixedLocator,
    Locator,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    StrMethodFormatter,
)
from numpy.typing import NDArray

from hps_bench.figures.style import COLUMN_INCHES, PAGE_INCHES, Dash, MethodStyle, label
from hps_bench.tables.layout import reward_title
from hps_bench.tables.table import Group

Styles = Mapping[str, MethodStyle]
Part = tuple[str, pd.DataFrame]
"""Rows of a frame that share a panel, and its title."""

DATASET = ("trained_on", "evaluated_on")
SETTING = ("reward", "responses", "beta")
"""What else but its method and its data sets makes a policy."""
_NUMBERS = ("responses", "beta")

_LEGEND_INCHES = 0.3
_LINE_INCHES, _HANDLE_INCHES, _LETTER_INCHES = 0.15, 0.45, 0.06
"""Of a legend: from line to line, before a name, and a letter of it."""
_PAGE_INCHES = 8.2
_LEAST_INCHES = 0.8
_BESIDE = 1.03
"""Factor between the x of neighbours, on a logarithmic axis."""


def parts(frame: pd.DataFrame, by: Sequence[str]) -> list[Part]:
    """Rows by the values of some columns, in the order of the frame.

    Titles name data sets and rewards, and n and β where they differ.
    """
    differing = varying(frame)
    shown = [axis for axis in by if axis not in _NUMBERS or axis in differing]
    groups = frame.groupby(list(by), sort=False)
    return [(_title(dict(zip(by, key, strict=True)), shown), part) for key, part in groups]


def varying(frame: pd.DataFrame) -> list[str]:
    """Those of the axes n and β that differ between rows."""
    return [axis for axis in _NUMBERS if axis in frame and frame[axis].nunique() > 1]


def axis_text(axis: str, value: Any) -> str:
    """One axis of a policy in words, for example ``n = 20``."""
    match axis:
        case "reward":
            return label(reward_title(value))
        case "responses":
            return f"n = {value}"
        case "beta":
            return f"β = {value:g}"
        case _:
            return label(value.upper())


def panels(
    rows: Sequence[str], columns: Sequence[str], height: float = 1.45, **options: Any
) -> tuple[Figure, NDArray[Any]]:
    """An empty figure of a column's or a page's width.

    Args:
        rows: titles, at the right; none where empty.
        columns: titles, above.
        height: of a row, in inches; less where they would not fit on a page.
        options: of ``Figure.subplots``.

    Returns:
        Figure and its axes, shape (rows, columns).
    """
    width = COLUMN_INCHES if len(columns) == 1 else PAGE_INCHES
    height = max(_LEAST_INCHES, min(height, _PAGE_INCHES / len(rows)))
    size = (width, _LEGEND_INCHES + height * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), len(columns), squeeze=False, **options)
    for place, title in zip(axes[0], columns, strict=True):
        place.set_title(title)
    for place, title in zip(axes[:, -1], rows, strict=True):
        _title_right(place, title)
    return figure, axes


def draw_lines(
    axes: Axes,
    part: pd.DataFrame,
    x: str,
    styles: Styles,
    *,
    marked: bool = False,
    dash: Dash | None = None,
) -> None:
    """A line for each method, through ``mean``, with a band from ``low`` to ``high``.

    Args:
        axes: the panel.
        part: rows with ``method``, x, ``mean``, ``low``, ``high``.
        x: column.
        styles: of the methods.
        marked: whether points have markers.
        dash: of all lines, where it does not stand for the method.
    """
    for method, line in part.groupby("method", sort=False):
        style = styles[str(method)]
        axes.plot(
            line[x],
            line["mean"],
            color=style.colour,
            linestyle=dash or style.dash,
            marker=style.marker if marked else None,
        )
        axes.fill_between(
            line[x], line["low"], line["high"], color=style.colour, alpha=0.18, linewidth=0
        )


def finish(axes: NDArray[Any], xlabel: str) -> None:
    """Take away panels that nothing was drawn in, and label the lowest of each column.

    Args:
        axes: of a figure, shape (rows, columns).
        xlabel: of all columns.
    """
    for column in axes.T:
        drawn = [place for place in column if place.has_data()]
        for place in column:
            if place not in drawn:
                place.set_axis_off()
        if drawn:
            drawn[-1].tick_params(labelbottom=True)
            drawn[-1].set_xlabel(xlabel)
        else:
            column[0].set_title("")


def method_handles(styles: Styles, *, marked: bool = False, lined: bool = True) -> list[Line2D]:
    """Entries of a legend, one for each method."""
    return [
        Line2D(
            [],
            [],
            color=style.colour,
            linestyle=style.dash if lined else "none",
            marker=style.marker if marked else None,
            label=label(method.upper()),
        )
        for method, style in styles.items()
    ]


def draw_whiskers(axes: Axes, part: pd.DataFrame, x: str, styles: Styles) -> None:
    """A marked line for each method, through ``mean``, with whiskers from ``low`` to ``high``.

    Methods stand beside each other at the same x, so that whiskers do not hide one another.
    """
    for place, (method, line) in enumerate(part.groupby("method", sort=False)):
        style = styles[str(method)]
        axes.errorbar(
            line[x] * _BESIDE ** (place - (part["method"].nunique() - 1) / 2),
            line["mean"],
            yerr=whiskers(line, "mean", "low", "high"),
            color=style.colour,
            linestyle=style.dash,
            marker=style.marker,
            elinewidth=0.8,
            capsize=1.5,
        )


def whiskers(part: pd.DataFrame, mean: str, low: str, high: str) -> NDArray[np.float64]:
    """Lengths below and above the means, shape (2, rows); bounds may lie on one side of a mean."""
    lengths = [part[mean] - part[low], part[high] - part[mean]]
    return np.clip(np.array(lengths, dtype=float), 0.0, None)


def legend_above(figure: Figure, handles: Sequence[Any]) -> None:
    """One legend for all panels, in as many lines as its names need."""
    names = [str(handle.get_label()) for handle in handles]
    width, height = figure.get_size_inches()
    entry = _HANDLE_INCHES + _LETTER_INCHES * max(map(len, names))
    columns = max(1, min(len(names), int(width / entry)))
    lines = -(-len(names) // columns)
    figure.set_size_inches(width, height + _LINE_INCHES * (lines - 1))
    figure.legend(handles, names, loc="outside upper center", ncols=columns)


def log_axis(axes: Axes, which: str, at: Iterable[float] | None = None) -> None:
    """Make x or y logarithmic, with plain numbers at its ticks.

    Args:
        axes: the panel.
        which: ``x`` or ``y``.
        at: ticks; 1, 2 and 5 of each decade otherwise.
    """
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    locator: Locator = LogLocator(subs=(1, 2, 5)) if at is None else FixedLocator(sorted(at))
    axis.set_major_locator(locator)
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
    axis.set_minor_locator(FixedLocator([]))


def whole_numbers() -> MaxNLocator:
    """Ticks at round whole numbers."""
    return MaxNLocator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])


def _title(key: Mapping[str, Any], shown: Sequence[str]) -> str:
    setting = ", ".join(axis_text(axis, key[axis]) for axis in shown if axis not in DATASET)
    dataset = label(_group(key).title) if "trained_on" in shown else ""
    return "\n".join(line for line in (dataset, setting) if line)


def _group(key: Mapping[str, Any]) -> Group:
    return Group(key["trained_on"], key.get("evaluated_on", ""))


def _title_right(axes: Axes, title: str) -> None:
    axes.annotate(
        title.replace(" → ", "\n→ "),
        (1, 0.5),
        (4, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        rotation=270,
        va="center",
        ha="left",
        fontsize=7.5,
        annotation_clip=False,
    )
