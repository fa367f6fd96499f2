"""Which policies are sampled from together, by one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath

from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.evaluation.settings import SamplesJob
from hps_bench.grid import cells, grid
from hps_bench.tracking.files import FOLDER, read_state

Batch = tuple[str, str]
"""Data set of a test split, and experiment."""


@dataclass(frozen=True)
class Batches:
    """The cells of an experiment on a test set, without those of experiments before it.

    Every evaluation asks for its batch, so what is asked is computed once for all of them.

    Attributes:
        config: the benchmark.
        results: its results folder.
        table_cells: cells that a table of the config shows.
    """

    config: Config
    results: Path
    table_cells: Callable[[str], Iterable[Cell]]
    _found: dict[frozenset[str], set[Batch]] = field(default_factory=dict, init=False)

    def job(self, evaluated_on: str, experiment: str) -> SamplesJob:
        """Policies of a batch."""
        together = self._cells.get((evaluated_on, experiment), [])
        return SamplesJob(evaluated_on=evaluated_on, cells=together)

    def batch_of(self, policy_path: str, evaluated_on: str) -> str | None:
        """Experiment with whose policies a policy may be sampled from; None for one of no batch.

        Args:
            policy_path: of the policy, as ``Cell`` has it.
            evaluated_on: data set of the test split.
        """
        batch = self._batch_of.get(f"{evaluated_on}/{policy_path}")
        return batch[1] if batch else None

    def is_whole(self, batch: Batch, asked: Iterable[str]) -> bool:
        """Whether a batch is to be drawn: all its cells are wanted, and none has failed.

        Otherwise evaluations draw their own samples: nothing is trained for one that was not
        asked for, and a policy whose training has failed holds up no other one.

        Args:
            batch: data set and experiment.
            asked: targets of this run of the workflow; none is everything.
        """
        return batch in self._whole(frozenset(asked))

    @cached_property
    def _cells(self) -> dict[Batch, list[Cell]]:
        first: dict[Cell, str] = {}
        for name in self.config.experiments:
            for cell in cells(self.config, name):
                first.setdefault(cell, name)
        batches: dict[Batch, list[Cell]] = {}
        for cell, name in first.items():
            batches.setdefault((cell.evaluated_on, name), []).append(cell)
        return batches

    @cached_property
    def _batch_of(self) -> dict[str, Batch]:
        """Batch of each evaluation, by its path."""
        return {
            cell.evaluation_path: batch for batch, these in self._cells.items() for cell in these
        }

    def _whole(self, asked: frozenset[str]) -> set[Batch]:
        """Batches all of whose cells are wanted, and none of which has failed."""
        if asked not in self._found:
            wanted = {cell for name in asked or ("all",) for cell in self._cells_of(name)}
            self._found[asked] = {
                batch
                for batch, these in self._cells.items()
                if wanted.issuperset(these) and not any(map(self._has_failed, these))
            }
        return self._found[asked]

    def _cells_of(self, target: str) -> Iterable[Cell]:
        """Cells that a target needs as a whole; none for a file of one cell."""
        if target == "all":
            return grid(self.config)
        if target == "tables":
            return {cell for table in self.config.tables for cell in self.table_cells(table)}
        if target == "figures":
            shown = {name for experiments in self.config.figures.values() for name in experiments}
            return {cell for name in shown for cell in cells(self.config, name)}
        table = PurePath(target).stem
        return self.table_cells(table) if table in self.config.tables else ()

    def _has_failed(self, cell: Cell) -> bool:
        state = read_state(self.results / FOLDER / "policies" / cell.policy_path)
        return state is not None and state.status == "FAILED"
