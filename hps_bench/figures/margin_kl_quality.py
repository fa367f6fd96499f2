"""Margin against KL and against quality: what margins are bought with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hps_bench.cell import Cell
from hps_bench.figures.panels import (
    DATASET,
    Styles,
    legend_above,
    panels,
    parts,
)
from hps_bench.figures.points import bounded, bounds, draw_points, point_handles, reward_markers
from hps_bench.figures.policies import Policy, Row, by_policy
from hps_bench.figures.settings import FigureJob
from hps_bench.figures.style import method_styles
from hps_bench.figures.trajectories import trajectory
from hps_bench.tables.evaluations import interval_of, read_evaluations
from hps_bench.tables.table import BASELINE

VALUES = ("kl", "margin", "quality")
COLUMNS = (*Policy._fields, "kind", "share", *bounded(VALUES), "quality_metric", "seeds")

_QUALITIES = {"true_reward": "True reward", "reward_best": "Evaluation reward"}


def records(job: FigureJob, results: Path) -> pd.DataFrame:
    """Points of policies and of the SFT model, and paths of policies over training.

    Returns:
        ``COLUMNS``; ``kind`` is ``point`` or ``path``. ``quality_metric`` is the first of
        ``true_reward`` and ``reward_best`` that the records have. KL and margin in nats.
    """
    rows: list[Row] = []
    for policy, cells in by_policy(job.cells).items():
        if point := _point(policy, [cell.evaluation_path for cell in cells], job, results):
            reference = _point(_reference(policy), [cells[0].baseline_path], job, results)
            rows += [*([reference] if reference else []), point, *_path(policy, cells, results)]
    return pd.DataFrame(rows, columns=COLUMNS).drop_duplicates(ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """A row for each data set; KL at the left, quality at the right."""
    styles = method_styles(frame["method"])
    markers, rows = reward_markers(frame["reward"]), parts(frame, DATASET)
    figure, axes = panels([title for title, _ in rows], ["", ""], height=2.0, sharey="row")
    for (left, right), (_, part) in zip(axes, rows, strict=True):
        points = part[part["kind"] == "point"]
        _draw_paths(left, part[part["kind"] == "path"], styles)
        draw_points(left, points, "kl", "margin", styles, markers)
        draw_points(right, points, "quality", "margin", styles, markers)
        left.set(xlabel="KL(π ‖ π_ref), nats", ylabel="Margin RM_DPO, nats")
        right.set_xlabel(_QUALITIES.get(points["quality_metric"].iloc[0], "Quality"))
    has_paths = bool((frame["kind"] == "path").any())
    legend_above(figure, point_handles(styles, markers, lined=has_paths))
    return figure


def _reference(policy: Policy) -> Policy:
    """The SFT model in the place of a policy."""
    return policy._replace(reward=BASELINE.reward, method=BASELINE.method, responses=0, beta=0.0)


def _point(policy: Policy, paths: Sequence[str], job: FigureJob, results: Path) -> Row:
    """Means and intervals of a policy; empty where it is not evaluated."""
    frames = read_evaluations(results / "evaluations" / path for path in paths)
    quality = next((name for name in _QUALITIES if any(f[name].notna().any() for f in frames)), "")
    sources = {"margin": "rm_dpo", "kl": "kl_preferred"} | ({"quality": quality} if quality else {})
    row: Row = {**policy._asdict(), "kind": "point", "quality_metric": quality}
    if policy.reward == BASELINE.reward and frames:  # π is π_ref: nothing to measure
        row |= dict.fromkeys(bounded(["margin", "kl"]), 0.0)
    for name, source in sources.items():
        if interval := interval_of(frames, source, job.statistics, paths):
            row |= {**bounds(name, interval), "seeds": interval.seeds}
    return row if "margin" in row else {}


def _path(policy: Policy, cells: Sequence[Cell], results: Path) -> Iterator[Row]:
    """Means over pairs, then over seeds, at each point of training."""
    runs = [run for cell in cells if len(run := trajectory(results, cell))]
    if not runs or policy.trained_on != policy.evaluated_on:
        return
    means = [run.groupby("share")[["kl_preferred", "rm_dpo"]].mean() for run in runs]
    together = pd.concat(means, keys=range(len(means))).groupby("share").mean()
    for share, kl, margin in together.itertuples():
        place = {"kind": "path", "share": share, "kl": kl, "margin": margin}
        yield {**policy._asdict(), **place, "seeds": len(runs)}


def _draw_paths(axes: Axes, paths: pd.DataFrame, styles: Styles) -> None:
    for _, path in paths.groupby(list(Policy._fields), sort=False):
        style = styles[path["method"].iloc[0]]
        axes.plot(
            path["kl"], path["margin"], color=style.colour, linestyle=style.dash, linewidth=0.7
        )
