"""The model that a policy was trained from, as somebody finds it who has the policy's folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hps_bench.cards.origins import is_hub_id
from hps_bench.models.settings import ModelSource


@dataclass(frozen=True)
class Base:
    """A base model.

    Attributes:
        source: as the training had it.
        location: hub id, or its folder, relative to the policy's where that can be.
        hub: its id on the hub; None for a folder.
    """

    source: ModelSource
    location: str
    hub: str | None


def find_base(source: ModelSource, policy: Path) -> Base:
    """Find a base model from a policy's folder.

    A folder that was given by its absolute path, outside of the results, is named by it.
    """
    folder = Path(source.path)
    if not folder.is_dir() and is_hub_id(source.path):
        return Base(source, source.path, source.path)
    is_elsewhere = folder.is_absolute() and not folder.is_relative_to(policy.absolute().parents[4])
    location = source.path if is_elsewhere else os.path.relpath(folder, policy)
    return Base(source, Path(location).as_posix(), None)
