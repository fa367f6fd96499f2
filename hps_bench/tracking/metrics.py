"""The names under which metrics stand in the store."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress

from hps_bench.tracking.files import Entry

NUMERIC_AXES = ("responses", "beta", "seed")
"""Axes that are metrics, too: the store sorts and compares params and tags as text."""

_FOLDERS = {"train": "train", "evaluate": "eval"}


def named(entries: Sequence[Entry], stage: str) -> list[Entry]:
    """Give metrics the folder of their stage: ``loss`` of a training becomes ``train/loss``."""
    folder = _FOLDERS.get(stage)
    return [_in_folder(entry, folder) for entry in entries] if folder else list(entries)


def axes(params: Mapping[str, str], time: int) -> Entry:
    """Numeric axes of a run as the metrics ``axis/responses``, ``axis/beta``, ``axis/seed``.

    Args:
        params: the run's params.
        time: in milliseconds since 1970.
    """
    found = {}
    for name in NUMERIC_AXES:
        with suppress(KeyError, ValueError):
            if math.isfinite(value := float(params[name])):
                found[f"axis/{name}"] = value
    return Entry(step=0, time=time, metrics=found)


def _in_folder(entry: Entry, folder: str) -> Entry:
    start = f"{folder}/"
    found = {n if n.startswith(start) else start + n: v for n, v in entry.metrics.items()}
    return entry.model_copy(update={"metrics": found})
