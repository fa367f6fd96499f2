"""The results for Theorems 2 and 3 as pages of tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd

from hps_bench.theory.page import interval_text, markdown_table

_GAPS_NOTE = (
    "Loss under the hardest distribution less HPS loss at one θ, in nats, mean over prompts. "
    "cosine: of the parameter of r_est with θ; at 1, r_est = r_θ. other hardest: share of prompts "
    "whose hardest loser by r_est is not that by r_θ. Means over seeds; their t intervals "
    "of 95 % are in gaps-means.csv."
)
_MARGINS_NOTE = (
    "Minimisers among ‖θ‖ ≤ B, gradient descent without a bound, and direct maximisers of the "
    "margin over the hardest loser, of its mean over prompts and of its least. Angles in degrees. "
    "mean margin, least margin: at norm 1, as shares of the largest mean margin. regret: share of "
    "the possible gain in true reward that choosing by θ̂ forgoes on fresh prompts. Means over "
    "seeds; their t intervals of 95 % are in margins-means.csv."
)
_NOISE_NOTE = (
    "Rankings from a Plackett-Luce model, r_est = r*; a small ‖θ*‖ makes noisy labels. Cosine of "
    "θ̂ with θ*, and in brackets ‖θ̂‖ / ‖θ*‖, at most 2; means over seeds, with t intervals of "
    "95 % in noise-means.csv. No cosine: θ̂ = 0. largest mean: the largest mean margin at norm 1; "
    "where it is 0, no direction has a positive one."
)
_MARGIN_COLUMNS = {
    "norm": "norm",
    "angle_mean": "to largest mean",
    "angle_least": "to largest least",
    "angle_truth": "to θ*",
    "mean_margin": "mean margin",
    "least_margin": "least margin",
    "regret": "regret",
}
_LIMITS = {"bound": "B = {:g}", "steps": "{:g} steps", "direct": "direct"}
_DIGITS = 3
_REACHED = (1, 10)
"""Bounds on ‖θ‖ that training comes to, of which intervals are shown."""
_NOTHING = 1e-9

Tables = Mapping[str, pd.DataFrame]


def pages(tables: Tables) -> dict[str, str]:
    """Pages by name, ``theorem-2`` and ``theorem-3``."""
    return {"theorem-2": _gap_page(tables), "theorem-3": _margin_page(tables)}


def _gap_page(tables: Tables) -> str:
    means = tables["gaps-means"]
    sections = ["# Theorem 2 by simulation", _GAPS_NOTE]
    sections += [_gaps(part, str(n)) for n, part in means.groupby("responses", sort=False)]
    rates = tables["gaps-rates"]
    if len(rates):
        rows = [[f"{row['responses']:.0f}", interval_text(row)] for _, row in rates.iterrows()]
        heading = "## Slope of log gap in log γ, r_est = r_θ, from γ = 10"
        sections += [heading, markdown_table(["n", "slope"], rows)]
    return "\n\n".join(sections) + "\n"


def _gaps(means: pd.DataFrame, n: str) -> str:
    cosines = list(means["cosine"].unique())
    rows = [
        [_signed(gamma), *(_mean(of_gamma, "gap", cosine=c) for c in cosines)]
        for gamma, of_gamma in means.groupby("gamma", sort=False)
    ]
    last = means[means["gamma"] == means["gamma"].max()]
    rows.append(["∞", *(_mean(last, "limit", cosine=c) for c in cosines)])
    rows.append(["other hardest", *(_mean(last, "disagreement", cosine=c) for c in cosines)])
    head = ["γ", *(f"cosine {cosine:g}" for cosine in cosines)]
    return f"## n = {n}, {means['seeds'].max()} seeds\n\n{markdown_table(head, rows)}"


def _margin_page(tables: Tables) -> str:
    means = tables["margins-means"]
    sections = ["# Theorem 3 by simulation", _MARGINS_NOTE]
    for world, part in means.groupby("world", sort=False):
        sections += [f"## {world}, {part['seeds'].max()} seeds", _maximisers(tables, str(world))]
        sections.append(_margins(part))
    sections += [f"## {heading}\n\n{table}" for heading, table in margin_sections(tables).items()]
    sections += ["## Noisy labels", _NOISE_NOTE]
    noise = tables["noise-means"]
    sections += [_noise(part, str(n)) for n, part in noise.groupby("responses", sort=False)]
    return "\n\n".join(sections) + "\n"


def _maximisers(tables: Tables, world: str) -> str:
    of = tables["maximisers-means"]
    found = of[of["world"] == world].set_index("measure")
    words = {
        "largest_mean": "largest mean margin at norm 1",
        "prompts_own": "mean of the largest margins of prompts by themselves",
        "largest_least": "largest least margin",
        "between": "degrees between the two directions",
        "separable": "share of seeds in which some θ ranks all winners first",
    }
    rows = [[text, interval_text(found.loc[measure])] for measure, text in words.items()]
    return markdown_table(["maximisers", ""], rows)


def _margins(means: pd.DataFrame) -> str:
    bounds = sorted(means[means["kind"] == "bound"]["limit"].unique())
    shown = {bounds[0], bounds[len(bounds) // 3], bounds[2 * len(bounds) // 3], bounds[-1]}
    rows = []
    keys = ["method", "gamma", "kind", "limit"]
    for key, part in means.groupby(keys, dropna=False, sort=False):
        method, gamma, kind, limit = cast("tuple[Any, ...]", key)
        if kind == "bound" and limit not in shown:
            continue
        cells = [_mean(part, measure) for measure in _MARGIN_COLUMNS]
        rows.append([_name(method, gamma), _LIMITS[str(kind)].format(limit), *cells])
    return markdown_table(["θ̂", "", *_MARGIN_COLUMNS.values()], rows)


def margin_sections(tables: Tables) -> dict[str, str]:
    """Mean margins with intervals at the bounds that training comes to, by world."""
    means = tables["margins-means"]
    reached = means[(means["kind"] == "bound") & means["limit"].between(*_REACHED)]
    return {
        f"{world}: mean margins with intervals": _reached(part)
        for world, part in reached.groupby("world", sort=False)
    }


def _reached(means: pd.DataFrame) -> str:
    bounds = sorted(means["limit"].unique())
    columns = [("mean_margin", bound, _DIGITS) for bound in bounds]
    columns.append(("regret", bounds[-1], _DIGITS + 1))
    rows = []
    for method, part in means.groupby("method", sort=False):
        places = part.set_index(["measure", "limit"])
        cells = [
            interval_text(places.loc[measure, bound], digits) for measure, bound, digits in columns
        ]
        rows.append([_name(method, part["gamma"].iloc[0]), *cells])
    head = [f"{_MARGIN_COLUMNS[measure]}, B = {bound:g}" for measure, bound, _ in columns]
    return markdown_table(["θ̂", *head], rows)


def _noise(means: pd.DataFrame, n: str) -> str:
    norms = list(means["true_norm"].unique())
    rows = []
    for method, part in means.groupby("method", sort=False):
        cells = [
            f"{_mean(part, 'cosine', true_norm=norm) or 'none'} "
            f"({_mean(part, 'norm', true_norm=norm)})"
            for norm in norms
        ]
        rows.append([str(method), *cells])
    first = means[means["method"] == means["method"].iloc[0]]
    rows.append(["largest mean", *(_mean(first, "largest_mean", true_norm=x) for x in norms)])
    head = [f"n = {n}", *(f"‖θ*‖ = {norm:g}" for norm in norms)]
    return markdown_table(head, rows)


def _name(method: Any, gamma: Any) -> str:
    return str(method) if pd.isna(gamma) else f"{method}, γ = {_signed(gamma)}"


def _mean(means: pd.DataFrame, measure: str, **at: Any) -> str:
    """Mean of a measure at a place; nothing where none of the seeds has it."""
    part = means[means["measure"] == measure]
    for column, value in at.items():
        part = part[part[column] == value]
    values: Sequence[float] = part["mean"].tolist()
    if not values or pd.isna(values[0]):
        return ""
    return _signed(float(f"{values[0]:.{_DIGITS}g}") if abs(values[0]) > _NOTHING else 0)


def _signed(value: Any) -> str:
    return f"{value:g}".replace("-", "−")
