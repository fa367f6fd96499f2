"""Loss and margin over training, from the journals of finished trainings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hps_bench.cell import Cell
from hps_bench.figures.panels import (
    DATASET,
    SETTING,
    draw_lines,
    finish,
    legend_above,
    method_handles,
    panels,
    parts,
    whole_numbers,
)
from hps_bench.figures.policies import Policy, Row, by_policy, over_seeds, trained
from hps_bench.figures.settings import FigureJob
from hps_bench.figures.style import method_styles
from hps_bench.tracking.files import FOLDER, read_entries

COLUMNS = (*Policy._fields, "quantity", "step", "mean", "low", "high", "seeds")
QUANTITIES = {"loss": "Loss / loss of step 1", "margin": "Margin, β·nats"}

_SMOOTHED = 0.1
"""Share of the steps that a running mean covers."""
_MOST_POINTS = 200


def records(job: FigureJob, results: Path) -> pd.DataFrame:
    """Curves of each policy, one row a step, at most 200 of them.

    Returns:
        ``COLUMNS``; ``quantity`` is ``loss`` (as a share of that of the first step) or ``margin``
        (β·(h_w − mean h_l)).
    """
    rows = [
        row
        for policy, cells in by_policy(trained(job.cells)).items()
        for row in _curves(policy, cells, results)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def draw(frame: pd.DataFrame) -> Figure:
    """A row of panels for each data set and setting; loss at the left, margin at the right."""
    styles = method_styles(frame["method"])
    rows = parts(frame, [*DATASET, *SETTING])
    figure, axes = panels([title for title, _ in rows], list(QUANTITIES.values()), sharex="col")
    for row, (_, part) in zip(axes, rows, strict=True):
        for place, quantity in zip(row, QUANTITIES, strict=True):
            draw_lines(place, part[part["quantity"] == quantity], "step", styles)
            place.xaxis.set_major_locator(whole_numbers())
    finish(axes, "Training step")
    legend_above(figure, method_handles(styles))
    return figure


def smoothed(curve: pd.Series) -> pd.Series:
    """Centred running mean over a tenth of the steps; fewer steps count at either end."""
    window = max(1, round(_SMOOTHED * len(curve)))
    return curve.rolling(window, center=True, min_periods=1).mean()


def _curves(policy: Policy, cells: Sequence[Cell], results: Path) -> Iterator[Row]:
    runs = [run for cell in cells if len(run := _metrics(results, cell))]
    for quantity in QUANTITIES:
        curves = [smoothed(run[quantity].dropna()) for run in runs]
        points = list(over_seeds(curves, "step"))
        for place in _thinned(len(points)):
            yield {**policy._asdict(), "quantity": quantity, **points[place]}


def _metrics(results: Path, cell: Cell) -> pd.DataFrame:
    """Loss and margin by step; empty where the policy is not finished."""
    if not (results / "policies" / cell.policy_path / "training.json").is_file():
        return pd.DataFrame()
    entries = read_entries(results / FOLDER / "policies" / cell.policy_path)
    found = pd.DataFrame(
        {
            "loss": [entry.metrics.get("loss", np.nan) for entry in entries],
            "margin": [entry.metrics.get("rewards/margins", np.nan) for entry in entries],
        },
        index=[entry.step for entry in entries],
    )
    # In the first step every loss has the value that its form gives to π = π_ref, which PL sums
    # over n − 1 stages: as shares of it, losses of all methods start at 1.
    found["loss"] /= found["loss"].iloc[0] if entries else 1.0
    return found


def _thinned(points: int) -> list[int]:
    return sorted(set(np.linspace(0, points - 1, min(points, _MOST_POINTS)).round().astype(int)))
