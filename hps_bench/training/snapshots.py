"""Snapshots: the policy at equal parts of its training."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hps_bench.integrity import is_whole
from hps_bench.models.saving import save_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def snapshot_steps(total: int, count: int) -> list[int]:
    """Steps that divide a training of ``total`` steps into ``count`` + 1 nearly equal parts.

    Start and end are not among them; a short training has fewer.
    """
    steps = {round(total * part / (count + 1)) for part in range(1, count + 1)}
    return sorted(steps - {0, total})


def snapshot_folder(folder: Path, step: int) -> Path:
    """Where the snapshot after a step lies within the folder of a policy's snapshots."""
    return folder / f"step-{step:06d}"


@dataclass(frozen=True)
class Snapshots:
    """Snapshots of one run, which lie beside its checkpoints until the run has ended.

    The workflow deletes what an earlier attempt has left of declared outputs, and a run with
    other settings would leave other policies there.

    Attributes:
        folder: belongs to one run and one digest of its settings and inputs.
        steps: after which the policy is kept, increasing.
        weights_name: file of the trained weights.
    """

    folder: Path
    steps: Sequence[int]
    weights_name: str

    def first_missing(self) -> float:
        """First step whose snapshot is not there as it was written; infinity without one.

        A run must not go on from a checkpoint of this step or later.
        """
        paths = ((step, snapshot_folder(self.folder, step)) for step in self.steps)
        missing = (step for step, path in paths if not is_whole(path / self.weights_name))
        return next(missing, math.inf)

    def after_step(self, step: int, model: PreTrainedModel) -> None:
        """Keep the policy if it is due; a checkpoint of the step comes later.

        Raises:
            OSError: the folder cannot be written.
        """
        if step not in self.steps:
            return
        path = snapshot_folder(self.folder, step)
        temporary = path.with_name(f".{path.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        save_weights(model, temporary)
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)

    def publish(self, target: Path) -> None:
        """Copy all to a folder, in place of those of an earlier run.

        Copies, because until the policy is written, a killed run goes on from its checkpoints.

        Raises:
            OSError: the folder cannot be written.
        """
        temporary = target.with_name(f".{target.name}")
        for path in (temporary, target):
            shutil.rmtree(path, ignore_errors=True)
        # Also where a training is too short to have any: the workflow waits for the folder.
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.folder, temporary)
        temporary.replace(target)
