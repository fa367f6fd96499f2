"""What a card says that its stages have recorded: settings, digests, metrics with intervals."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hps_bench.cell import Cell
from hps_bench.integrity import file_digest, is_whole, seal_of
from hps_bench.records import read_json
from hps_bench.stages import MANIFEST
from hps_bench.statistics import Interval
from hps_bench.tables import metrics
from hps_bench.tables.cost import TrainingCost, read_costs
from hps_bench.tables.evaluations import interval_of, read_evaluations
from hps_bench.tables.metrics import Metric
from hps_bench.tables.settings import TableSettings

CARD = "README.md"
"""File of a card; the Hugging Face hub and GitHub show it with its folder."""

METRICS = (
    *(metrics.REWARD, metrics.GATED_SCORE, metrics.BLEU, metrics.CHARACTER_BLEU),
    *(metrics.RM_DPO, metrics.RM_RDPO, metrics.HARDEST, metrics.ACCURACY),
    *(metrics.KL, metrics.SHIFT_CHOSEN, metrics.SHIFT_REJECTED),
    *(metrics.TRUE_REWARD, metrics.HARMFUL),
)
"""Metrics of a card, in its order; those that an evaluation lacks are left out."""

Intervals = Mapping[Metric, Interval]


@dataclass(frozen=True)
class Policy:
    """A trained policy, by its records.

    Attributes:
        results: folder of one config's results.
        cell: any cell of the policy.
    """

    results: Path
    cell: Cell

    @property
    def folder(self) -> Path:
        """Folder of its weights."""
        return self.results / "policies" / self.cell.policy_path

    @property
    def card(self) -> Path:
        """File of its model card."""
        return self.folder / CARD

    @property
    def data_card(self) -> Path:
        """File of the data card of what it was trained on."""
        return self.results / "prompts" / self.cell.trained_on / CARD

    @property
    def prompts(self) -> Path:
        """File of the prompts that it was trained on."""
        return self.data_card.with_name("prompts.parquet")

    def path_to(self, path: Path) -> str:
        """A file of the results, relative to the policy's folder."""
        return Path(os.path.relpath(path, self.folder)).as_posix()

    @property
    def is_trained(self) -> bool:
        """Whether its training has ended."""
        return self._summary.is_file()

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Content of ``training.json``."""
        return dict(read_json(self._summary))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """How it was trained: settings, input digests, versions, time."""
        return dict(read_json(self.folder / MANIFEST))

    @property
    def settings(self) -> dict[str, Any]:
        """What it was trained with: ``model``, ``optimiser`` and ``loss``."""
        return dict(self.manifest["settings"])

    @property
    def is_adapter(self) -> bool:
        """Whether it is an adapter of its base model, or has all weights of its own."""
        return self.settings["optimiser"]["lora"] is not None

    @cached_property
    def plan(self) -> dict[str, Any]:
        """Settings of the plan that it was trained on; none where they were not kept."""
        return dict(_manifest(self._plan).get("settings", {}))

    @property
    def cost(self) -> TrainingCost:
        """Cost of its training, all attempts together."""
        return read_costs(self.results, [self.cell])[self.cell]

    @property
    def weights(self) -> str:
        """Name of the file of its weights."""
        return "adapter_model.safetensors" if self.is_adapter else "model.safetensors"

    def records(self, cells: Iterable[Cell]) -> list[Path]:
        """Files that decide what the card of its cells says."""
        evaluations = (self.results / "evaluations" / path for path in _paths(cells))
        return [
            *(self._summary, self.folder / MANIFEST, self._plan / MANIFEST),
            self.prompts,
            *(path / name for path in evaluations for name in (MANIFEST, "records.parquet")),
        ]

    def evaluation(self, cell: Cell) -> dict[str, Any] | None:
        """How it was evaluated on a cell's test set; None where it was not, or was trained anew."""
        manifest = _manifest(self.results / "evaluations" / cell.evaluation_path)
        is_of_this = file_digest(self._summary) in manifest.get("inputs", {}).values()
        return manifest if is_of_this else None

    @property
    def _summary(self) -> Path:
        return self.folder / "training.json"

    @property
    def _plan(self) -> Path:
        cell = self.cell
        name = f"n{cell.responses}-s{cell.seed}"
        return self.results / "plans" / cell.trained_on / cell.method / name


@dataclass(frozen=True)
class Evaluations:
    """Means of evaluations with their intervals; those of the SFT model are computed once.

    Attributes:
        results: folder of one config's results.
        settings: level, number and seed of the resamples.
    """

    results: Path
    settings: TableSettings
    _baselines: dict[str, Intervals] = field(default_factory=dict)

    def policy(self, cell: Cell) -> Intervals:
        """Metrics of a cell: those that tables show where this is the only seed."""
        return self._intervals(cell.evaluation_path)

    def baseline(self, cell: Cell) -> Intervals:
        """Metrics of the SFT model on the cell's test set."""
        path = cell.baseline_path
        if path not in self._baselines:
            self._baselines[path] = self._intervals(path)
        return self._baselines[path]

    def _intervals(self, path: str) -> Intervals:
        frames = read_evaluations([self.results / "evaluations" / path])
        found = {
            metric: interval_of(frames, metric.source, self.settings, [path]) for metric in METRICS
        }
        return {metric: interval for metric, interval in found.items() if interval}


def without_seed(cell: Cell) -> str:
    """What the seeds of a policy share."""
    return replace(cell, seed=0).policy_path


def grouped(cells: Iterable[Cell], key: Callable[[Cell], str]) -> list[list[Cell]]:
    """Cells that share a key, in the order of their first ones."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[key(cell)].append(cell)
    return list(found.values())


def recorded_digest(path: Path) -> str:
    """SHA-256 that a file had when its stage wrote it, without reading the file where possible."""
    seal = seal_of(path)
    recorded = seal.read_text(encoding="ascii").split() if seal.is_file() else []
    return recorded[0] if recorded else file_digest(path)


def _paths(cells: Iterable[Cell]) -> Iterator[str]:
    return (path for cell in cells for path in (cell.evaluation_path, cell.baseline_path))


def _manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder; empty where there is none, or a damaged one."""
    path = folder / MANIFEST
    return dict(read_json(path)) if is_whole(path) else {}
