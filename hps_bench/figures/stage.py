"""The ``figures`` stage: records in; PDF, PNG and CSV out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import pandas as pd
from matplotlib.figure import Figure

from hps_bench.figures import (
    cost_margin,
    gamma_schedule,
    margin_distributions,
    margin_kl_quality,
    margin_n,
    training_curves,
    trajectories,
    win_rates,
)
from hps_bench.figures.catalogue import FigureInfo, find_figure
from hps_bench.figures.settings import FigureJob
from hps_bench.figures.style import COLUMN_INCHES, house_style
from hps_bench.records import atomic_path
from hps_bench.tables.escape import spreadsheet_text


@dataclass(frozen=True)
class Drawing:
    """How a figure is made: its records, and the picture of these and of nothing else."""

    records: Callable[[FigureJob, Path], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Figure]


DRAWINGS: Mapping[str, Drawing] = {
    "training-curves": Drawing(training_curves.records, training_curves.draw),
    "margin-distributions": Drawing(margin_distributions.records, margin_distributions.draw),
    "margin-n": Drawing(margin_n.records, margin_n.draw),
    "win-rates": Drawing(win_rates.records, win_rates.draw),
    "cost-margin": Drawing(cost_margin.records, cost_margin.draw),
    "margin-kl-quality": Drawing(margin_kl_quality.records, margin_kl_quality.draw),
    "gamma-schedule": Drawing(gamma_schedule.records, gamma_schedule.draw),
    "trajectories": Drawing(trajectories.records, trajectories.draw),
}


def write_figure(name: str, job: FigureJob, results: Path, output: Path) -> bool:
    """Write ``{name}.csv``, ``{name}.pdf`` and ``{name}.png`` under ``output``.

    The same records give the same bytes. Without records the CSV has its head alone, and the
    others say so in words.

    Args:
        name: of the figure, one of ``FIGURES``.
        job: cells to show, and how intervals are computed.
        results: folder of one config's results.
        output: folder of the figures.

    Returns:
        Whether there was anything to draw.

    Raises:
        UserError: there is no such figure, or a file is damaged.
    """
    info, drawing = find_figure(name), DRAWINGS[name]
    frame = drawing.records(job, results)
    with house_style():
        figure = note(info) if frame.empty else drawing.draw(frame)
        save_figure(figure, info, output)
    with atomic_path(output / f"{name}.csv") as temporary:
        temporary.write_text(_csv(frame), encoding="utf-8", newline="\n")
    return not frame.empty


def save_figure(figure: Figure, info: FigureInfo, output: Path) -> None:
    """Write ``{name}.pdf`` and ``{name}.png``, without a date: the same figure is the same file.

    Args:
        figure: drawn in the house style.
        info: its name and title.
        output: folder.
    """
    metadata = {
        "pdf": {"Title": info.title, "CreationDate": None},
        "png": {"Title": info.title},
    }
    for kind, about in metadata.items():
        with atomic_path(output / f"{info.name}.{kind}") as temporary:
            figure.savefig(temporary, format=kind, metadata=about)


def _csv(frame: pd.DataFrame) -> str:
    """Unrounded; text is made harmless for spreadsheets."""
    safe = frame.map(lambda value: spreadsheet_text(value) if isinstance(value, str) else value)
    return str(safe.to_csv(index=False, lineterminator="\n"))


def note(info: FigureInfo) -> Figure:
    """Words in the place of a figure that has no records."""
    figure = Figure(figsize=(COLUMN_INCHES, 0.5))
    text = f"{info.title}: left out, there are no records to draw it from."
    figure.text(0.5, 0.5, fill(text, 60), ha="center", va="center")
    return figure
