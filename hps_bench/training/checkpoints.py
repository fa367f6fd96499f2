"""Checkpoints: what a killed run needs to end with the same weights as an undisturbed one."""

from __future__ import annotations

import logging
import math
import shutil
from pathlib import Path
from typing import Any

import torch

from hps_bench.integrity import is_whole
from hps_bench.records import atomic_path

LOG = logging.getLogger(__name__)
KEPT = 2


class Checkpoints:
    """Checkpoints of one run, in a folder that the workflow does not know.

    Args:
        folder: belongs to one run and one digest of its settings and inputs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Prune all but the newest, then write the state after ``step`` steps.

        In this order a kill at any moment leaves no more than are kept.
        """
        for path in self._paths()[: 1 - KEPT]:
            path.unlink()
        with atomic_path(self._path(step)) as temporary, temporary.open("wb") as file:
            torch.save(state, file)

    def load_latest(self, before: float = math.inf) -> dict[str, Any] | None:
        """State, on the CPU, in the newest checkpoint that can be read; None without one.

        Args:
            before: step that has to be done again; checkpoints from there on are passed over.
        """
        for path in reversed(self._paths()):
            if self._step(path) >= before:
                continue
            if not is_whole(path):
                LOG.warning("%s: passed over, it is damaged", path)
                continue
            try:
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            except Exception as error:  # what unpickling garbage raises is of any class
                LOG.warning("%s: passed over, it cannot be read (%s)", path, type(error).__name__)
                continue
            return state
        return None

    def clear(self) -> None:
        """Remove all checkpoints, once the run's result is safe."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, step: int) -> Path:
        return self._folder / f"step-{step:08d}.pt"

    @staticmethod
    def _step(path: Path) -> int:
        return int(path.stem.removeprefix("step-"))

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("step-*.pt"))
