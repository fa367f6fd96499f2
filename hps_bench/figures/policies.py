"""Policies as figures show them: cells that differ in their seed alone are one line or point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hps_bench.cell import Cell
from hps_bench.tables.evaluations import read_evaluations

Row = dict[str, Any]


class Policy(NamedTuple):
    """A cell without its seed; the fields are columns of every figure's CSV."""

    reward: str
    method: str
    responses: int
    beta: float
    trained_on: str
    evaluated_on: str


def by_policy(cells: Iterable[Cell]) -> dict[Policy, list[Cell]]:
    """Cells of each policy, one a seed, in the order given."""
    return {Policy(*key): own for key, own in by_axes(cells, Policy._fields).items()}


def by_axes(cells: Iterable[Cell], axes: Sequence[str]) -> dict[tuple[Any, ...], list[Cell]]:
    """Cells by their values on some axes, in the order given."""
    found: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        found.setdefault(tuple(getattr(cell, axis) for axis in axes), []).append(cell)
    return found


def trained(cells: Iterable[Cell]) -> list[Cell]:
    """Each policy of these cells once, however many test sets it is evaluated on."""
    return list(dict.fromkeys(replace(cell, evaluated_on=cell.trained_on) for cell in cells))


def evaluations(results: Path, cells: Iterable[Cell]) -> list[pd.DataFrame]:
    """Records of the evaluations that exist, one frame per seed, of the same prompts.

    Raises:
        UserError: a records file is damaged.
    """
    return read_evaluations(results / "evaluations" / cell.evaluation_path for cell in cells)


def over_seeds(curves: Sequence[pd.Series], name: str) -> Iterator[Row]:
    """Mean over seeds of curves, and the lowest and the highest seed, at points that all have.

    Args:
        curves: one per seed, with x as their index.
        name: of x.
    """
    if not curves:
        return
    together = pd.concat(curves, axis=1, join="inner").dropna()
    for x, values in zip(together.index, together.to_numpy(dtype=float), strict=True):
        yield {name: x, **spread(values)}


def spread(values: NDArray[np.float64]) -> Row:
    """Mean, lowest and highest of one value per seed, shape (seeds,)."""
    return {
        "mean": float(values.mean()),
        "low": float(values.min()),
        "high": float(values.max()),
        "seeds": len(values),
    }
