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
    "against log m or log n. Means over seeds with bootstrap intervals of 95 % over seeds."
)

_SHOWN = {
    "error": "error",
    "cosine": "cosine",
    "norm": "norm ratio",
    "regret": "regret",
}
_FEWEST_POINTS = 3
"""Values of n from which a slope is shown."""

_BOUNDS = {"hps": "Ψ₁, bound for HPS", "pl": "Ψ₂, bound for PL"}


def page(tables: Mapping[str, pd.DataFrame]) -> str:
    """All estimators of every scenario, at its largest m and its middle n; then slopes in n."""
    names = tables["errors"]["scenario"].unique()
    sections = ["# Theorem 1 by simulation", _NOTE, *(_estimators(tables, name) for name in names)]
    sections += [_against_n(tables, name) for name in names]
    return "\n\n".join(filter(None, sections)) + "\n"


def _estimators(tables: Mapping[str, pd.DataFrame], name: str) -> str:
    means = _of(tables["errors-means"], name)
    m, sizes = means["prompts"].max(), sorted(means["responses"].unique())
    n = sizes[len(sizes) // 2]
    shown = _by_estimator(means[(means["prompts"] == m) & (means["responses"] == n)])
    falls = _of(tables["errors-slopes"], name)
    whole = falls[(falls["against"] == "prompts") & (falls["fixed"] == n)]
    steepness = {key: part.iloc[0] for key, part in _by_estimator(whole).items()}
    rows = []
    for key, part in shown.items():
        measures = part.set_index("measure")
        cells = [interval_text(measures.loc[measure]) for measure in _SHOWN]
        rows.append([*key, *cells, interval_text(steepness.get(key))])
    heading = f"## {name}: m = {m}, n = {n}, {means['seeds'].max()} seeds"
    return f"{heading}\n\n{markdown_table(['method', 'γ', *_SHOWN.values(), 'slope in m'], rows)}"


def _against_n(tables: Mapping[str, pd.DataFrame], name: str) -> str:
    slopes = _of(tables["errors-slopes"], name)
    slopes = slopes[(slopes["against"] == "responses") & (slopes["points"] >= _FEWEST_POINTS)]
    if slopes.empty:
        return ""
    m = slopes["fixed"].max()
    places = _by_estimator(slopes[slopes["fixed"] == m])
    rows = [[*key, interval_text(part.iloc[0])] for key, part in places.items()]
    bounds = _of(tables["errors-bounds"], name) if len(tables["errors-bounds"]) else pd.DataFrame()
    for bound, part in bounds.groupby("bound") if len(bounds) else ():
        line = part[part["prompts"] == m]
        slope = np.polyfit(np.log(line["responses"]), np.log(line["value"]), 1)[0]
        rows.append([_BOUNDS[str(bound)], "", f"{slope:.2f}"])
    table = markdown_table(["method", "γ", "slope in n"], rows)
    return f"## {name}: slopes in n, m = {m}\n\n{table}"


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


def interval_text(value: Any) -> str:
    """A mean with its interval, nothing where there is none."""
    if value is None or np.isnan(value["mean"]):
        return ""
    return f"{value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}]".replace("-", "−")


def markdown_table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
