"""Hardness γ over training, and the ranks of the negatives that it draws, from plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hps_bench.cell import Cell
from hps_bench.figures.panels import finish, legend_above, panels, parts, whole_numbers
from hps_bench.figures.policies import Policy, Row, by_policy, trained
from hps_bench.figures.settings import FigureJob
from hps_bench.figures.style import BLACK, VERMILLION
from hps_bench.records import read_rows
from hps_bench.schemas import PLAN

_PLAN = ("method", "responses", "trained_on")
COLUMNS = (*_PLAN, "start", "end", "gamma", "rank", "share", "seeds")

_HEIGHTS = (1.0, 2.4)
"""Of the panels of γ and of ranks."""
_SHADES = "Blues"


@dataclass(frozen=True)
class Stage:
    """A part of a run in which γ stays the same.

    Attributes:
        gamma: γ.
        visits: of prompts.
        negatives: how often each rank was a loser, by its weight in the loss.
    """

    gamma: float
    visits: int
    negatives: Counter[int]


def records(job: FigureJob, results: Path) -> pd.DataFrame:
    """How often each rank was drawn in each stage of a plan, all seeds together.

    Returns:
        ``COLUMNS``; a stage lasts from ``start`` to ``end``, shares of training; ``share`` is of
        the negatives of the stage.
    """
    plans = by_policy(_any_reward(cell) for cell in trained(job.cells))
    rows = [row for policy, cells in plans.items() for row in _shares(policy, cells, results)]
    return pd.DataFrame(rows, columns=COLUMNS)


def draw(frame: pd.DataFrame) -> Figure:
    """A column for each data set; γ above the ranks, for each method and n."""
    rows, columns = parts(frame, _PLAN[:2]), parts(frame, _PLAN[2:])
    titles = [title for name, _ in rows for title in ("", name)]
    ratios = _HEIGHTS * len(rows)
    figure, axes = panels(
        titles,
        [title for title, _ in columns],
        height=1.4,
        sharex=True,
        sharey="row",
        height_ratios=ratios,
    )
    norm = PowerNorm(0.5, 0, frame["share"].max())
    for (_, of_row), above, below in zip(rows, axes[::2], axes[1::2], strict=True):
        above[0].set_ylabel("γ")
        below[0].set_ylabel("Rank drawn")
        for place, (_, of_column) in enumerate(columns):
            plan = of_row[of_row.index.isin(of_column.index)]
            if len(plan):
                _draw_gamma(above[place], plan)
                _draw_ranks(below[place], plan, norm)
    finish(axes, "Share of training")
    shades = ScalarMappable(norm, _SHADES)
    bar = figure.colorbar(shades, ax=axes, location="bottom", aspect=50, shrink=0.6, pad=0.02)
    bar.set_label("Share of negatives")
    legend_above(figure, [Line2D([], [], color=VERMILLION, label="median rank")])
    return figure


def stages(file: Path) -> list[Stage]:
    """Stages of a plan; none where it has no γ.

    Raises:
        UserError: the file is damaged.
    """
    found = []
    for gamma, rows in groupby(read_rows(file, PLAN), key=lambda row: row["gamma"]):
        if gamma is None:
            return []
        visits, negatives = set(), Counter[int]()
        for row in rows:
            visits.add(row["visit"])
            log_weights = np.array(row["log_weights"][1:])
            weights = np.exp(log_weights - log_weights.max())
            for rank, weight in zip(row["ranks"][1:], weights / weights.sum(), strict=True):
                negatives[rank] += row["weight"] * weight
        found.append(Stage(gamma, len(visits), negatives))
    return found


def _any_reward(cell: Cell) -> Cell:
    """A cell of the same plan, which all rewards and β share."""
    return Cell("any", cell.method, cell.trained_on, cell.trained_on, cell.responses, 1, cell.seed)


def _shares(policy: Policy, cells: Sequence[Cell], results: Path) -> Iterator[Row]:
    files = dict.fromkeys(
        results / "plans" / c.trained_on / c.method / f"n{c.responses}-s{c.seed}" / "plan.parquet"
        for c in cells
    )
    plans = [found for file in files if file.is_file() and (found := stages(file))]
    if not plans:
        return
    ends = list(accumulate(stage.visits for stage in plans[0]))
    edges = [0.0, *(end / ends[-1] for end in ends)]
    for (start, end), of_seeds in zip(pairwise(edges), zip(*plans, strict=True), strict=True):
        negatives = sum((stage.negatives for stage in of_seeds), Counter[int]())
        for rank, count in sorted(negatives.items()):
            yield {
                **{axis: getattr(policy, axis) for axis in _PLAN},
                "start": start,
                "end": end,
                "gamma": of_seeds[0].gamma,
                "rank": rank,
                "share": count / negatives.total(),
                "seeds": len(plans),
            }


def _draw_gamma(axes: Axes, plan: pd.DataFrame) -> None:
    stages = plan.drop_duplicates("start")
    axes.stairs(stages["gamma"], [0.0, *stages["end"]], baseline=None, color=BLACK, linewidth=1.2)
    axes.margins(y=0.12)


def _draw_ranks(axes: Axes, plan: pd.DataFrame, norm: PowerNorm) -> None:
    """Shares by rank and stage as shades, with the median rank of each stage."""
    ranks = np.arange(2, plan["responses"].iloc[0] + 1)
    shares = plan.pivot(index="rank", columns="start", values="share").reindex(ranks).fillna(0.0)
    edges = [0.0, *plan.drop_duplicates("start")["end"]]
    axes.pcolormesh(
        edges, np.arange(1.5, len(ranks) + 2), shares, norm=norm, cmap=_SHADES, rasterized=True
    )
    medians = shares.index[(shares.cumsum() >= 0.5).to_numpy().argmax(axis=0)]
    axes.hlines(medians, edges[:-1], edges[1:], color=VERMILLION)
    axes.set(xlim=(0, 1), ylim=(ranks[-1] + 0.5, 1.5))
    axes.yaxis.set_major_locator(whole_numbers())
    axes.grid(visible=False)
