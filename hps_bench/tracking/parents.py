"""Parent runs: one for the grid, one for each experiment of its config."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hps_bench.cell import Cell
from hps_bench.tracking.files import Status
from hps_bench.tracking.reading import Journal
from hps_bench.tracking.runs import GRID_TAG, user

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

GRID = ""
"""Name of the parent of runs that belong to no experiment, and of all that shows the grid."""
EXPERIMENT_TAG = "hps_bench.experiment"
_WORST_FIRST: tuple[Status, ...] = ("RUNNING", "FAILED", "KILLED")


def create_parent(
    client: MlflowClient,
    experiment: str,
    grid: str,
    results: Path,
    name: str,
    start_time: int,
) -> Run:
    """Make the parent run of an experiment, or of the grid.

    Args:
        client: client of the store.
        experiment: id of MLflow's experiment.
        grid: identity of the results folder.
        results: results folder.
        name: name in the config, or `GRID`.
        start_time: in milliseconds since 1970.
    """
    tags = {GRID_TAG: grid, "results": str(results), "mlflow.user": user()}
    tags |= {EXPERIMENT_TAG: name, "stage": "experiment"} if name else {"stage": "grid"}
    return client.create_run(experiment, start_time=start_time, tags=tags, run_name=name or "grid")


def close_parent(client: MlflowClient, run: Run, journals: Iterable[Journal]) -> None:
    """Give a parent run the worst status of its runs and their last end, where these are new."""
    journals = list(journals)
    found = {journal.status for journal in journals}
    status = next((status for status in _WORST_FIRST if status in found), "FINISHED")
    ends = [journal.end_time for journal in journals if journal.end_time]
    end = max([run.info.start_time, *ends])
    if status == "RUNNING":
        if run.info.status != status:
            client.update_run(run.info.run_id, status)
    elif (run.info.status, run.info.end_time) != (status, end):
        client.set_terminated(run.info.run_id, status, end)


def description(name: str, cells: Sequence[Cell]) -> str:
    """Axes of an experiment, and how to find its runs, in Markdown."""
    axes = {
        "rewards": [cell.reward for cell in cells],
        "methods": [cell.method for cell in cells],
        "trained on": [cell.trained_on for cell in cells],
        "evaluated on": [cell.evaluated_on for cell in cells],
        "responses": [str(cell.responses) for cell in cells],
        "β": [f"{cell.beta:g}" for cell in cells],
        "seeds": [str(cell.seed) for cell in cells],
    }
    lines = [f"| {axis} | {', '.join(dict.fromkeys(values))} |" for axis, values in axes.items()]
    table = "\n".join(["| axis | values |", "|---|---|", *lines])
    return (
        f"{len(cells)} cells of the experiment `{name}`.\n\n{table}\n\n"
        f"All its runs, also those that stand below an earlier experiment which shares them: "
        f"`tags.experiments LIKE '%|{name}|%'`"
    )
