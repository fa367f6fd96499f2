"""The results for Theorem 1 as a page of tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from hps_bench.theory.summaries import ESTIMATOR

_NOTE = (
    "error: ‖θ̂ − θ*‖ in the Σ_D norm. cosine: of θ̂ with θ*. norm ratio: ‖θ̂‖ / ‖θ*‖, at most "
    "the scenario's bound. regret: share of the possible gain in true reward that choosing by θ̂ "
    "forgoes (1: as good as blind, 2: the worst are chosen). slope in m, in n: of log error "
    "against log m or log n. Means over seeds with t intervals of 95 %; no interval "
    "where fewer than two seeds have a value."
)

_SHOWN = {
    "error": "error",
    "cosine": "cosine",
    "norm": "norm ratio",
    "regret": "regret",
}
_FEWEST_POINTS = 3
"""Values of n from which a slope is shown."""
_FEWEST_GAMMAS = 4
"""Values of γ from which a method has a table of them."""

_PRACTICE = "practice"
_MISSPECIFIED = ("misspecified", "misspecified-practice")
"""Scenarios, where a config has them, of which there are tables of their own."""

_BOUNDS = {"hps": "Ψ₁, bound for HPS", "pl": "Ψ₂, bound for PL"}


def page(tables: Mapping[str, pd.DataFrame]) -> str:
    """The tables of ``sections``, with what their columns mean."""
    parts = [f"## {heading}\n\n{table}" for heading, table in sections(tables).items()]
    return "\n\n".join(["# Theorem 1 by simulation", _NOTE, *parts]) + "\n"


def sections(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Tables in Markdown by heading.

    All estimators of every scenario, at its largest m and its middle n; slopes in n; methods
    against γ; and what matters in scenarios without noise or without a right θ.
    """
    names = tables["errors-means"]["scenario"].unique()
    found = dict(_estimators(tables, name) for name in names)
    for name in names:
        found |= _against_n(tables, name) | _against_gamma(tables, name)
    return found | _practice(tables) | _misspecified(tables)


def _estimators(tables: Mapping[str, pd.DataFrame], name: str) -> tuple[str, str]:
    means = _of(tables["errors-means"], name)
    m, n = means["prompts"].max(), _middle_n(means)
    falls = _of(tables["errors-slopes"], name)
    whole = falls[(falls["against"] == "prompts") & (falls["fixed"] == n)]
    columns = {text: _at(means, measure, m, n) for measure, text in _SHOWN.items()}
    table = _side_by_side({**columns, "slope in m": whole})
    return f"{name}: m = {m}, n = {n}, {means['seeds'].max()} seeds", table


def _against_n(tables: Mapping[str, pd.DataFrame], name: str) -> dict[str, str]:
    slopes = _of(tables["errors-slopes"], name)
    slopes = slopes[(slopes["against"] == "responses") & (slopes["points"] >= _FEWEST_POINTS)]
    if slopes.empty:
        return {}
    m = slopes["fixed"].max()
    places = _by_estimator(slopes[slopes["fixed"] == m])
    rows = [[*key, interval_text(part.iloc[0])] for key, part in places.items()]
    for bound, part in _of(tables["errors-bounds"], name).groupby("bound"):
        line = part[part["prompts"] == m]
        slope = np.polyfit(np.log(line["responses"]), np.log(line["value"]), 1)[0]
        rows.append([_BOUNDS[str(bound)], "", f"{slope:.2f}"])
    table = markdown_table(["method", "γ", "slope in n"], rows)
    return {f"{name}: slopes in n, m = {m}": table}


def _against_gamma(tables: Mapping[str, pd.DataFrame], name: str) -> dict[str, str]:
    """Each method with many γ, at the largest m."""
    means = _of(tables["errors-means"], name)
    m = means["prompts"].max()
    found = {}
    for method, part in means.groupby("method", sort=False):
        if part["gamma"].nunique() < _FEWEST_GAMMAS:
            continue
        columns = {
            f"n = {n}: {_SHOWN[measure]}": _at(part, measure, m, n)
            for n in sorted(part["responses"].unique())
            for measure in ("error", "cosine", "norm")
        }
        found[f"{name}: {method} against γ, m = {m}"] = _side_by_side(columns)
    return found


def _practice(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """How soon each estimator finds the direction of r_est, where labels have no noise."""
    means = _of(tables["errors-means"], _PRACTICE)
    sizes = sorted(means["prompts"].unique())
    if not sizes:
        return {}
    n = _middle_n(means)
    columns = {f"with r_est, m = {m}": _at(means, "estimate_cosine", m, n) for m in sizes}
    columns[f"with θ*, m = {sizes[-1]}"] = _at(means, "cosine", sizes[-1], n)
    return {f"{_PRACTICE}: cosines of θ̂, n = {n}": _side_by_side(columns)}


def _misspecified(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What choosing by each estimator forgoes where no θ is right, at the ends of the grid of m."""
    columns: dict[str, pd.DataFrame] = {}
    for name in _MISSPECIFIED:
        means = _of(tables["errors-means"], name)
        sizes = sorted(means["prompts"].unique())
        for m in sizes[:1] + sizes[-1:]:
            columns[f"{name}: regret, m = {m}"] = _at(means, "regret", m, _middle_n(means))
        for m in sizes[-1:]:
            columns[f"{name}: cosine, m = {m}"] = _at(means, "cosine", m, _middle_n(means))
    return {"No θ is right: regret": _side_by_side(columns)} if columns else {}


def _middle_n(means: pd.DataFrame) -> int:
    sizes = sorted(means["responses"].unique())
    return int(sizes[len(sizes) // 2])


def _at(means: pd.DataFrame, measure: str, m: int, n: int) -> pd.DataFrame:
    there = (means["prompts"] == m) & (means["responses"] == n)
    return means[there & (means["measure"] == measure)]


def _side_by_side(columns: Mapping[str, pd.DataFrame]) -> str:
    """A row for each method and γ; a cell is empty where the column does not have it."""
    found = {heading: _by_estimator(column) for heading, column in columns.items()}
    keys = dict.fromkeys(key for column in found.values() for key in column)
    rows = [
        [*key, *(interval_text(of[key].iloc[0]) if key in of else "" for of in found.values())]
        for key in keys
    ]
    return markdown_table(["method", "γ", *found], rows)


def _of(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table[table["scenario"] == name]


def _by_estimator(rows: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Rows of each method and γ, written; methods without γ have an empty one."""
    grouped = rows.groupby(ESTIMATOR[1:], dropna=False, sort=False)
    found: dict[tuple[str, str], pd.DataFrame] = {}
    for (method, _), part in grouped:
        gamma = part["gamma"].iloc[0]
        found[str(method), "" if pd.isna(gamma) else f"{gamma:g}".replace("-", "−")] = part
    return found


def interval_text(value: Any, digits: int = 3) -> str:
    """A mean with its interval, where it has one; nothing where there is no mean."""
    if np.isnan(value["mean"]):
        return ""
    mean, low, high = (f"{value[part]:z.{digits}f}" for part in ("mean", "low", "high"))
    return (mean if np.isnan(value["low"]) else f"{mean} [{low}, {high}]").replace("-", "−")


def markdown_table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
