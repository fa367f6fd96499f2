"""Means over seeds of what simulations measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from hps_bench.statistics import mean_interval


def means_over_seeds(
    frame: pd.DataFrame, keys: Sequence[str], measures: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    """Mean of every measure over the rows that share the keys, with its bootstrap interval.

    Args:
        frame: one row per seed and key.
        keys: columns that tell rows of a seed apart.
        measures: columns of numbers.
        rng: source of the resamples.

    Returns:
        One row per key and ``measure``: mean, low, high, seeds.
    """
    rows = [
        {**dict(zip(keys, key, strict=True)), "measure": measure, **interval(part[measure], rng)}
        for key, part in frame.groupby(list(keys), dropna=False, sort=False)
        for measure in measures
    ]
    return pd.DataFrame(rows)


def interval(values: pd.Series[Any], rng: np.random.Generator) -> dict[str, float]:
    """Mean of one value per seed, with its bootstrap interval; NaN where no seed has a value."""
    if not values.notna().any():
        return {"mean": np.nan, "low": np.nan, "high": np.nan, "seeds": 0}
    found = mean_interval([values.to_numpy(dtype=float)], rng)
    return {"mean": found.mean, "low": found.low, "high": found.high, "seeds": found.prompts}
