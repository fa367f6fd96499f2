"""Every cell of the grid: what became of it, and its means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.grid import cells, grid
from hps_bench.records import read_json
from hps_bench.tables.display import number_text
from hps_bench.tables.layout import LAYOUTS
from hps_bench.tables.metrics import Metric
from hps_bench.tracking.files import FOLDER, RunState, read_state

Status = Literal["evaluated", "trained", "failed", "killed", "running", "missing"]

_METRICS = LAYOUTS["table2"].metrics
_JOURNALED: Mapping[str, Status] = {"FAILED": "failed", "KILLED": "killed", "RUNNING": "running"}


@dataclass(frozen=True)
class CellRow:
    """One cell, as the list of cells shows it.

    Attributes:
        cell: the cell; None for the reference model.
        evaluated_on: data set of the test split.
        experiments: of the config, that it belongs to.
        status: how far it has come.
        reason: why its last run ended early; else empty.
        means: of its evaluation, by metric; empty where there is none.
        folder: of its evaluation, relative to the results.
    """

    cell: Cell | None
    evaluated_on: str
    experiments: tuple[str, ...]
    status: Status
    reason: str
    means: Mapping[str, Any]
    folder: str

    def shown(self, metric: Metric) -> str:
        """Mean of a metric as text; empty where there is none."""
        mean = self.means.get(metric.name)
        return "" if mean is None else number_text(mean, metric.decimals)


def cell_rows(config: Config, results: Path) -> list[CellRow]:
    """The reference model on each test set, then every cell of the grid.

    Raises:
        UserError: an ``evaluation.json`` is damaged.
    """
    of = grid(config)
    experiments = {name: set(cells(config, name)) for name in config.experiments}
    baselines = dict.fromkeys((cell.evaluated_on, cell.baseline_path) for cell in of)
    return [
        *(_row(results, None, dataset, path, ()) for dataset, path in baselines),
        *(
            _row(results, cell, cell.evaluated_on, cell.evaluation_path, _names(experiments, cell))
            for cell in of
        ),
    ]


def shown_metrics(rows: Iterable[CellRow]) -> list[Metric]:
    """Metrics of Table 2 that some row has."""
    present = {name for row in rows for name, mean in row.means.items() if mean is not None}
    return [metric for metric in _METRICS if metric.name in present]


def _names(experiments: Mapping[str, set[Cell]], cell: Cell) -> tuple[str, ...]:
    return tuple(name for name, of in experiments.items() if cell in of)


def _row(
    results: Path, cell: Cell | None, dataset: str, path: str, experiments: tuple[str, ...]
) -> CellRow:
    folder = f"evaluations/{path}"
    file = results / folder / "evaluation.json"
    if file.is_file():
        return CellRow(cell, dataset, experiments, "evaluated", "", read_json(file), folder)
    status, reason = _unfinished(results, cell, folder)
    return CellRow(cell, dataset, experiments, status, reason, {}, folder)


def _unfinished(results: Path, cell: Cell | None, folder: str) -> tuple[Status, str]:
    """How far a cell without evaluation has come, and why not further."""
    runs = [folder] if cell is None else [folder, f"policies/{cell.policy_path}"]
    for run in _ended_early(results, runs):
        return _JOURNALED[run.status], run.error
    policy = cell and results / "policies" / cell.policy_path / "training.json"
    return ("trained", "") if policy and policy.is_file() else ("missing", "")


def _ended_early(results: Path, runs: Sequence[str]) -> list[RunState]:
    states = (read_state(results / FOLDER / run) for run in runs)
    return [state for state in states if state and state.status in _JOURNALED]
