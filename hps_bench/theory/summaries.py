"""What the fits say together: means over seeds, slopes in m and n, constants, bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from hps_bench.theory import sample_complexity
from hps_bench.theory.bounds import Setting
from hps_bench.theory.intervals import interval, means_over_seeds
from hps_bench.theory.settings import SampleComplexity, TheorySettings

ESTIMATOR = ["scenario", "method", "gamma"]
MEASURES = ("error", "cosine", "estimate_cosine", "norm", "regret", "at_bound")

_SLOPES = [*ESTIMATOR, "fixed", "against", "points", "mean", "low", "high", "seeds"]
_PLACE = ["responses", "prompts", "bound"]
_CONSTANTS = [*ESTIMATOR, *_PLACE, "error", "constant"]
_BOUNDS = ["scenario", *_PLACE, "constant", "value"]
"""Columns, which tables have that no scenario has rows for, too."""

_UNBIASED_HPS = "top-1"
"""The HPS loss of Eq. 8 at γ = 0, of which Theorem 1 can be true: it sets C_1."""


def tables(settings: TheorySettings) -> dict[str, pd.DataFrame]:
    """Everything simulated for Theorem 1: one row per fit, and what the fits say together."""
    estimates = sample_complexity.estimates(settings)
    needed = constants(estimates, settings)
    return {
        "errors": estimates,
        "errors-means": means(estimates),
        "errors-slopes": slopes(estimates),
        "errors-constants": needed,
        "errors-bounds": bounds(needed, settings),
    }


def means(estimates: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of every measure, with its t interval.

    Returns:
        One row per scenario, method, gamma, responses, prompts and ``measure``: mean, low, high,
        seeds.
    """
    return means_over_seeds(estimates, [*ESTIMATOR, "responses", "prompts"], MEASURES)


def slopes(estimates: pd.DataFrame) -> pd.DataFrame:
    """Slopes of log error against log m at each n, and against log n at each m.

    A line is fitted for each seed; the interval is over seeds. At a slope of −½ in m the error
    falls as 1/√m; at 0 it does not fall any more, however many prompts there are.

    Returns:
        One row per scenario, method, gamma, ``against`` (prompts or responses), ``fixed`` (the
        value of the other) and ``points`` (how many values the line goes through: all, and of m
        also the last two): mean, low, high, seeds.
    """
    rows = []
    for against, other in (("prompts", "responses"), ("responses", "prompts")):
        for key, part in estimates.groupby([*ESTIMATOR, other], dropna=False, sort=False):
            table = part.pivot_table("error", index=against, columns="seed")
            named = {**dict(zip([*ESTIMATOR, "fixed"], key, strict=True)), "against": against}
            for points in _lines(len(table), against):
                slope = interval(_slopes(table.tail(points)))
                rows.append({**named, "points": points, **slope})
    return pd.DataFrame(rows, columns=_SLOPES)


def _lines(values: int, against: str) -> list[int]:
    """How many of so many values each line goes through, none where there is one value."""
    lines = [values, 2] if against == "prompts" and values > 2 else [values]
    return [points for points in lines if points > 1]


def constants(estimates: pd.DataFrame, settings: TheorySettings) -> pd.DataFrame:
    """The least constants with which the bounds would hold, at each m and n.

    Of worlds that the theorem is about: linear rewards and Plackett-Luce rankings. The error is
    its 1 − δ quantile over seeds. Ψ_1 is asked of top-1 and of every HPS estimator, Ψ_2 of PL.
    Where an estimator is consistent its constant levels off as m grows; where it is not, the
    constant grows as √m, and none is large enough.
    """
    rows = []
    keys = [*ESTIMATOR, "responses", "prompts"]
    for key, part in estimates.groupby(keys, dropna=False, sort=False):
        named: dict[str, Any] = dict(zip(keys, key, strict=True))
        bound = bound_of(str(named["method"]))
        if bound and settings.sample_complexity.scenarios[named["scenario"]].is_the_theorems:
            setting = _setting(settings.sample_complexity, named)
            error = float(part["error"].quantile(1 - settings.sample_complexity.delta))
            needed = setting.pl_constant if bound == "pl" else setting.hps_constant
            rows.append({**named, "bound": bound, "error": error, "constant": needed(error)})
    return pd.DataFrame(rows, columns=_CONSTANTS)


def bound_of(method: str) -> str | None:
    """Which bound of Theorem 1 speaks of a method: ``hps`` Ψ_1, ``pl`` Ψ_2."""
    if method == "pl":
        return "pl"
    return "hps" if method == _UNBIASED_HPS or method.startswith("hps") else None


def bounds(needed: pd.DataFrame, settings: TheorySettings) -> pd.DataFrame:
    """The bounds over the grid of each scenario, with the constants placed so.

    C_2 is the least with which Ψ_2 holds for PL at all m and n of the scenario; C_1 likewise
    with Ψ_1 and the top choice against all others (Eq. 6 and, at γ = 0, Eq. 8). Their heights
    can therefore not be compared, their shapes can.
    """
    return pd.DataFrame(
        [
            row
            for name, part in needed.groupby("scenario", sort=False)
            for row in _bound_rows(str(name), part, settings.sample_complexity)
        ],
        columns=_BOUNDS,
    )


def _bound_rows(
    name: str, needed: pd.DataFrame, settings: SampleComplexity
) -> Iterator[dict[str, Any]]:
    for bound, method in (("hps", _UNBIASED_HPS), ("pl", "pl")):
        constant = needed[needed["method"] == method]["constant"].max()
        if np.isnan(constant):
            continue
        for n in settings.scenarios[name].responses:
            for m in settings.scenarios[name].prompts:
                place = {"scenario": name, "responses": n, "prompts": m}
                setting = _setting(settings, place)
                value = setting.pl(constant) if bound == "pl" else setting.hps(constant)
                yield {**place, "bound": bound, "constant": constant, "value": value}


def _setting(settings: SampleComplexity, place: dict[str, Any]) -> Setting:
    scenario = settings.scenarios[place["scenario"]]
    return Setting(
        prompts=int(place["prompts"]),
        responses=int(place["responses"]),
        dimension=scenario.dimension,
        bound=scenario.bound,
        delta=settings.delta,
    )


def _slopes(table: pd.DataFrame) -> pd.Series[float]:
    """Least-squares slope of each column's log against the log of the index."""
    logs = np.log(table.index.to_numpy(dtype=float))
    lines = np.polyfit(logs, np.log(table.to_numpy()), 1)
    return pd.Series(lines[0])
