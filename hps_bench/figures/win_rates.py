"""Win rates by the judge's scores, as bars: a view over table 4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hps_bench.figures.panels import DATASET, legend_above, panels, parts
from hps_bench.figures.policies import Row
from hps_bench.figures.settings import FigureJob
from hps_bench.figures.style import BLACK, BLUE, ORANGE, PALE, label
from hps_bench.tables.build import build_table
from hps_bench.tables.display import number_text
from hps_bench.tables.settings import TableJob
from hps_bench.tables.table import Group, Table
from hps_bench.tables.table import Row as TableRow

OUTCOMES = {"win": BLUE, "tie": PALE, "lose": ORANGE}
COLUMNS = (
    *("comparison", "reward", "method", "opponent", "responses", "beta"),
    *DATASET,
    *(f"{name}{bound}" for name in OUTCOMES for bound in ("", "_low", "_high")),
    *("p_sign", "seeds", "prompts"),
)

_BAR_INCHES = 0.24
_NUMBER_POINTS = 22
"""Room for a number between a bar and its name."""


def records(job: FigureJob, results: Path) -> pd.DataFrame:
    """Comparisons of table 4 that have scores, one row each.

    Returns:
        ``COLUMNS``; shares and their bounds in per cent of prompts.

    Raises:
        UserError: a file is damaged, or there is nothing to compare.
    """
    # The paper's numbers are not drawn, so it does not matter whether they may be compared.
    reasons = [None] * len(job.cells)
    given = TableJob(cells=job.cells, incomparable=reasons, statistics=job.statistics)
    table = build_table("table4", given, results)
    return pd.DataFrame(_comparisons(table), columns=COLUMNS)


def draw(frame: pd.DataFrame) -> Figure:
    """A column of bars for each test set, a bar for each comparison."""
    names = list(dict.fromkeys(frame["comparison"]))
    columns = parts(frame, DATASET)
    titles = [title for title, _ in columns]
    figure, axes = panels([""], titles, height=0.4 + _BAR_INCHES * len(names), sharey=True)
    for place, (_, part) in zip(axes[0], columns, strict=True):
        _draw_bars(place, part, names)
    axes[0][0].set_yticks(range(len(names)), [label(name) for name in names])
    axes[0][0].set_ylim(len(names) - 0.5, -0.5)
    # The numbers of one panel keep away from those of the next.
    figure.set_layout_engine("constrained", wspace=0.06)
    legend_above(figure, [Patch(color=c, label=name) for name, c in OUTCOMES.items()])
    return figure


def _comparisons(table: Table) -> Iterator[Row]:
    for row in table.rows:
        for group in table.groups:
            if found := _found(row, group):
                yield {
                    "comparison": table.row_title(row),
                    **vars(row.key),
                    **vars(group),
                    **found,
                }


def _found(row: TableRow, group: Group) -> Row:
    """Numbers of a comparison; empty where it has no scores."""
    intervals = {
        column.metric.name: value.interval
        for column, value in row.values.items()
        if column.group == group and value.interval
    }
    if not intervals:
        return {}
    numbers: Row = {"p_sign": intervals["p_sign"].mean}
    for name in OUTCOMES:
        interval = intervals[name]
        numbers |= {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {**numbers, "seeds": intervals["win"].seeds, "prompts": intervals["win"].prompts}


def _draw_bars(axes: Axes, part: pd.DataFrame, names: list[str]) -> None:
    heights = [names.index(name) for name in part["comparison"]]
    left = pd.Series(0.0, part.index)
    for outcome, colour in OUTCOMES.items():
        axes.barh(heights, part[outcome], 0.76, left, color=colour, edgecolor="white")
        left += part[outcome]
    for height, row in zip(heights, part.to_dict("records"), strict=True):
        # One above the other: they overlap where there are few ties.
        _draw_interval(axes, height - 0.18, row["win_low"], row["win_high"])
        _draw_interval(axes, height + 0.18, 100 - row["lose_high"], 100 - row["lose_low"])
        axes.text(-1, height, number_text(row["win"], 1), va="center", ha="right")
        axes.text(101, height, number_text(row["lose"], 1), va="center")
    axes.axvline(50, color=BLACK, linewidth=0.6, linestyle="dotted")
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0, pad=_NUMBER_POINTS)
    axes.set(xlim=(0, 100), xlabel="Prompts, %")


def _draw_interval(axes: Axes, height: float, low: float, high: float) -> None:
    middle, half = (low + high) / 2, (high - low) / 2
    axes.errorbar(middle, height, xerr=half, fmt="none", ecolor=BLACK, elinewidth=0.8, capsize=1.5)
