"""Figures of the theorems, drawn from the tables of the stage and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from hps_bench.figures.panels import draw_lines, finish, legend_above, log_axis, panels
from hps_bench.figures.stage import note, save_figure
from hps_bench.figures.style import (
    BLACK,
    BLUE,
    DASHED,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    SOLID,
    VERMILLION,
    Dash,
    MethodStyle,
    house_style,
)
from hps_bench.theory.catalogue import THEOREMS

Tables = Mapping[str, pd.DataFrame]


_DOTTED: Dash = (0, (1, 1))
_DASH_DOTTED: Dash = (0, (4, 1, 1, 1))
_PL = MethodStyle(GREEN, _DOTTED, "^")
_BT = MethodStyle(BLUE, (0, (5, 1.5)), "s")
_TOP = MethodStyle(ORANGE, SOLID, "D")
_HPS = MethodStyle(VERMILLION, SOLID, "o")

_ERRORS: Mapping[tuple[str, float | None], tuple[str, MethodStyle]] = {
    ("pl", None): ("PL", _PL),
    ("top-1", None): ("top-1 (Eq. 6)", _TOP),
    ("bt", None): ("BT, best against worst", _BT),
    ("bt-random-pair", None): ("BT, random pair", MethodStyle(SKY, _DASH_DOTTED, "v")),
    ("hps", 1.0): ("HPS, γ = 1", MethodStyle(VERMILLION, DASHED, "P")),
    ("hps", 5.0): ("HPS, γ = 5", _HPS),
    ("hps-full-n", 5.0): ("HPS-full-N, γ = 5", MethodStyle(BLACK, _DASH_DOTTED, "X")),
    ("hps-corrected", 1.0): ("HPS-corrected, γ = 1", MethodStyle(PURPLE, SOLID, "p")),
}
_BOUNDS = {
    "hps": ("shape of Ψ₁ (HPS)", MethodStyle(GREY, SOLID, "")),
    "pl": ("shape of Ψ₂ (PL)", MethodStyle(GREY, DASHED, "")),
}
_COSINES = [
    MethodStyle(BLACK, SOLID, "o"),
    MethodStyle(BLUE, (0, (8, 2)), "s"),
    MethodStyle(SKY, (0, (3, 1, 1, 1)), "D"),
    MethodStyle(ORANGE, DASHED, "v"),
    MethodStyle(VERMILLION, _DOTTED, "^"),
    MethodStyle(PURPLE, _DASH_DOTTED, "P"),
]
_MINIMISERS = {
    "hardest": ("hardest by r_θ (γ = ∞)", MethodStyle(BLACK, SOLID, "X")),
    "runner-up": ("hardest by r_est (γ = ∞)", MethodStyle(GREY, DASHED, "P")),
    "hps-full-n": ("HPS-full-N, γ = {gamma:g}", _HPS),
    "top-1": ("top-1 (γ = 0)", _TOP),
    "bt": ("BT", _BT),
    "pl": ("PL", _PL),
}
_ANGLES = {
    "angle_mean": "Degrees to the largest\nmean margin",
    "angle_least": "Degrees to the largest\nleast margin",
    "mean_margin": "Mean margin at norm 1,\nshare of the largest",
}
_WORLDS = {
    "practice": "labels: arg max of r_est",
    "misspecified-practice": "the same, reward not linear",
}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SCHEDULE_END = 5.0
"""Largest γ of the paper's schedule."""
_MOST_COLUMNS = 3


def draw_errors(tables: Tables) -> Figure | None:
    """Theorem 1: error against m, a column for each n, and against n at the largest m."""
    means, bounds = tables["errors-means"], tables["errors-bounds"]
    first = means["scenario"].iloc[0]
    errors = _named(means[(means["scenario"] == first) & (means["measure"] == "error")], _ERRORS)
    if errors.empty:
        return None
    errors = _for_log_axis(errors)
    bounds = bounds[bounds["scenario"] == first]
    shown = _spread(errors["responses"].unique())
    most = errors["prompts"].max()
    titles = [*(f"n = {n}" for n in shown), f"m = {most}"]
    figure, axes = panels([""], titles, height=2.3, sharey=True)
    for place, n in zip(axes[0], shown, strict=False):
        _draw_errors(place, errors, bounds, "prompts", ("responses", n))
    _draw_errors(axes[0, -1], errors, bounds, "responses", ("prompts", most))
    finish(axes, "m, prompts")
    axes[0, -1].set_xlabel("n, responses per prompt")
    axes[0, 0].set_ylabel("‖θ̂ − θ*‖ in the Σ_D norm")
    # Bounds are placed to hold: what they would take above is of no interest.
    log_axis(axes[0, 0], "y")
    axes[0, 0].set_ylim(errors["low"].min() / 1.3, errors["high"].max() * 2)
    legend_above(figure, [*_handles(_ERRORS, errors), *_bound_handles()])
    return figure


def draw_gaps(tables: Tables) -> Figure | None:
    """Theorem 2: gap to the hardest loss against γ, a column for each n."""
    gaps = tables["gaps-means"].query("gamma > 0")
    if gaps.empty:
        return None
    cosines = sorted(gaps["cosine"].unique(), reverse=True)
    styles = dict(zip(map(_cosine_name, cosines), cycle(_COSINES), strict=False))
    columns = list(gaps["responses"].unique())[:_MOST_COLUMNS]
    figure, axes = panels([""], [f"n = {n}" for n in columns], height=2.5, sharey=True)
    for place, n in zip(axes[0], columns, strict=True):
        part = gaps[gaps["responses"] == n].assign(method=lambda f: f["cosine"].map(_cosine_name))
        of_gaps = _for_log_axis(part[part["measure"] == "gap"])
        draw_lines(place, of_gaps, "gamma", styles, marked=True)
        limits = part[(part["measure"] == "limit") & (part["mean"] > 0)]
        for name, limit in limits.groupby("method")["mean"].first().items():
            place.axhline(limit, color=styles[str(name)].colour, linewidth=0.5, zorder=0)
        log_axis(place, "x", [0.5, 1, 2, 5, 10, 100, 1000])
        log_axis(place, "y", [10.0**power for power in range(-10, 3)])
        place.yaxis.set_major_formatter(FuncFormatter(lambda y, _: _power_of_ten(y)))
        place.axvspan(part["gamma"].min(), _SCHEDULE_END, color=PALE, alpha=0.5, zorder=-1)
    finish(axes, "Hardness γ")
    axes[0, 0].set_ylabel("Hardest loss less HPS loss, nats")
    handles = [
        Line2D([], [], color=s.colour, linestyle=s.dash, marker=s.marker, label=name)
        for name, s in styles.items()
    ]
    legend_above(figure, handles)
    return figure


def draw_margins(tables: Tables) -> Figure:
    """Theorem 3: directions of minimisers as bounds grow; a row for each world."""
    frame = tables["margins-means"]
    named = _with_norms(_named(frame[frame["kind"] != "direct"], _minimisers(frame)))
    worlds = list(dict.fromkeys(named["world"]))
    rows = [_WORLDS.get(world, world) for world in worlds]
    figure, axes = panels(rows, list(_ANGLES.values()), height=1.9, sharex=True)
    styles = dict(_minimisers(frame).values())
    for row, world in zip(axes, worlds, strict=True):
        for place, measure in zip(row, _ANGLES, strict=True):
            part = named[(named["world"] == world) & (named["measure"] == measure)]
            part = part.dropna(subset=["mean"])
            if part.empty:
                continue
            if measure != "mean_margin":
                part = _for_log_axis(part)
                log_axis(place, "y", [0.03, 0.1, 0.3, 1, 3, 10, 30, 90])
            _draw_path(place, part, styles)
    finish(axes, "Norm of the estimate")
    for place in axes[:, 0]:
        log_axis(place, "x", [0.1, 1, 10, 100, 1000, 10_000])
    descent = Line2D([], [], color=VERMILLION, marker="*", linestyle="none", markersize=7)
    descent.set_label("gradient descent, no bound")
    legend_above(figure, [*_handles(_minimisers(frame), named), descent])
    return figure


def draw_noise(tables: Tables) -> Figure:
    """Theorem 3 under label noise: norm and direction of minimisers against ‖θ*‖."""
    frame = tables["noise-means"]
    named = _named(frame, _minimisers(frame)).dropna(subset=["mean"])
    columns = list(frame["responses"].unique())[:_MOST_COLUMNS]
    rows = {"norm": "‖θ̂‖ / ‖θ*‖", "cosine": "Cosine of θ̂ with θ*"}
    titles = [f"n = {n}" for n in columns]
    figure, axes = panels([""] * 2, titles, height=1.7, sharex=True, sharey="row")
    styles = dict(_minimisers(frame).values())
    for row, (measure, title) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(title)
        for place, n in zip(row, columns, strict=True):
            part = named[(named["responses"] == n) & (named["measure"] == measure)]
            draw_lines(place, part, "true_norm", styles, marked=True)
            log_axis(place, "x", frame["true_norm"].unique())
    finish(axes, "‖θ*‖: from noisy to exact labels")
    legend_above(figure, _handles(_minimisers(frame), named))
    return figure


DRAWINGS: Mapping[str, Callable[[Tables], Figure | None]] = {
    "theorem-1": draw_errors,
    "theorem-2": draw_gaps,
    "theorem-3": draw_margins,
    "label-noise": draw_noise,
}
"""How the tables become each of ``THEOREMS``."""


def write_figures(tables: Tables, output: Path) -> None:
    """Write ``{name}.pdf`` and ``{name}.png`` of every figure.

    Args:
        tables: of the stage, by name.
        output: folder.
    """
    with house_style():
        for name, info in THEOREMS.items():
            save_figure(DRAWINGS[name](tables) or note(info), info, output)


def _draw_errors(
    axes: Axes, errors: pd.DataFrame, bounds: pd.DataFrame, x: str, at: tuple[str, Any]
) -> None:
    column, value = at
    draw_lines(axes, errors[errors[column] == value], x, dict(_ERRORS.values()), marked=True)
    for name, line in bounds[bounds[column] == value].groupby("bound"):
        style = _BOUNDS[str(name)][1]
        axes.plot(line[x], line["value"], color=style.colour, linestyle=style.dash, linewidth=0.8)
    log_axis(axes, "x", _spread(errors[x].unique()))


def _draw_path(axes: Axes, part: pd.DataFrame, styles: Mapping[str, MethodStyle]) -> None:
    """Lines over norms; bounds that do not bind give the same point again."""
    for name, line in part[part["kind"] == "bound"].groupby("method", sort=False):
        points = line.drop_duplicates("norm")
        draw_lines(axes, points, "norm", {str(name): styles[str(name)]}, marked=True)
    steps = part[part["kind"] == "steps"]
    axes.plot(steps["norm"], steps["mean"], "*", color=VERMILLION, markersize=7, zorder=3)


def _for_log_axis(part: pd.DataFrame) -> pd.DataFrame:
    """Rows whose intervals end above 0: those of skewed values may go below, where no log is."""
    return part.assign(low=part["low"].clip(lower=part["mean"].min() / 2))


def _minimisers(frame: pd.DataFrame) -> dict[tuple[str, float | None], tuple[str, MethodStyle]]:
    """Names and looks by method and γ, as ``_ERRORS`` has them."""
    pairs = frame[["method", "gamma"]].drop_duplicates().itertuples(index=False, name=None)
    return {
        (method, None if pd.isna(gamma) else gamma): (
            _MINIMISERS[method][0].format(gamma=gamma),
            _MINIMISERS[method][1],
        )
        for method, gamma in pairs
        if method in _MINIMISERS
    }


def _named(
    frame: pd.DataFrame, names: Mapping[tuple[str, float | None], tuple[str, MethodStyle]]
) -> pd.DataFrame:
    """Rows of the methods that have names, which take the place of ``method``."""
    keys = [
        (method, None if pd.isna(gamma) else gamma)
        for method, gamma in zip(frame["method"], frame["gamma"], strict=True)
    ]
    shown = [names[key][0] if key in names else "" for key in keys]
    named = frame.assign(method=shown)
    return named[named["method"] != ""]


def _with_norms(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with the mean norm of their estimates."""
    keys = ["world", "method", "kind", "limit"]
    norms = frame[frame["measure"] == "norm"].set_index(keys)["mean"].rename("norm")
    return frame.join(norms, on=keys)


def _handles(names: Mapping[Any, tuple[str, MethodStyle]], drawn: pd.DataFrame) -> list[Line2D]:
    return [
        Line2D([], [], color=s.colour, linestyle=s.dash, marker=s.marker, label=name)
        for name, s in names.values()
        if (drawn["method"] == name).any()
    ]


def _bound_handles() -> list[Line2D]:
    return [
        Line2D([], [], color=style.colour, linestyle=style.dash, linewidth=0.8, label=name)
        for name, style in _BOUNDS.values()
    ]


def _cosine_name(cosine: float) -> str:
    return "r_est = r_θ" if cosine == 1 else f"cosine {cosine:g}"


def _spread(values: Any) -> list[int]:
    """First, middle and last of rising values, each once."""
    rising = sorted(int(value) for value in values)
    return sorted({rising[0], rising[len(rising) // 2], rising[-1]})


def _power_of_ten(value: float) -> str:
    return f"10{str(round(np.log10(value))).translate(_RAISED)}"
