"""How a run is called and tagged in the store."""

from __future__ import annotations

import getpass
import posixpath
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from hps_bench.errors import UserError
from hps_bench.records import read_json, write_json
from hps_bench.tracking.files import FOLDER, Entry, RunState

if TYPE_CHECKING:
    from mlflow import MlflowClient

AXES = (
    "stage",
    "reward",
    "method",
    "dataset",
    "responses",
    "beta",
    "seed",
    "evaluated_on",
)
"""Params that become tags too, so that filters and groups can use either."""

CELL_TAG = "cell"
POLICY_TAG = "policy"
PARENT_TAG = "mlflow.parentRunId"
GRID_TAG = "hps_bench.grid"
JOURNAL_TAG = "hps_bench.journal"
"""Digest of the journal, set when the run is completely uploaded."""


_TRAINING_AXES = {"reward", "method", "dataset", "responses", "beta", "seed"}
_PARAMS_PER_CALL = 100
_METRICS_PER_CALL = 800
"""MLflow takes 1000 params, metrics and tags together in a call."""


def create_run(
    client: MlflowClient,
    experiment: str,
    grid: str,
    state: RunState,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Make a run with its name and tags, and return its id.

    Args:
        client: client of the store.
        experiment: id of the experiment.
        grid: identity of the results folder, from `grid_id`.
        state: what the journal says about the run.
        tags: further tags.
    """
    tags = {**run_tags(state, grid), **(tags or {})}
    name = run_name(state)
    run = client.create_run(experiment, start_time=state.start_time, tags=tags, run_name=name)
    return str(run.info.run_id)


def log_values(
    client: MlflowClient,
    run_id: str,
    params: Mapping[str, str],
    entries: Sequence[Entry],
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log params and the metrics of many steps in few calls.

    Args:
        client: client of the store.
        run_id: id of the run.
        params: its params.
        entries: its metrics.
        tags: what is set once all the rest is there.
    """
    from mlflow.entities import Metric, Param, RunTag

    given = [Param(safe_key(name), value) for name, value in params.items()]
    metrics = [
        Metric(safe_key(name), value, entry.time, entry.step)
        for entry in entries
        for name, value in entry.metrics.items()
    ]
    last = [RunTag(name, value) for name, value in (tags or {}).items()]
    while given or metrics or last:
        is_last = len(given) <= _PARAMS_PER_CALL and len(metrics) <= _METRICS_PER_CALL
        client.log_batch(
            run_id,
            metrics=metrics[:_METRICS_PER_CALL],
            params=given[:_PARAMS_PER_CALL],
            tags=last if is_last else (),
        )
        given, metrics = given[_PARAMS_PER_CALL:], metrics[_METRICS_PER_CALL:]
        last = [] if is_last else last


def run_name(state: RunState) -> str:
    """Name a run by its axes, ``dpo-hps hh-rlhf n20 b0.1 s0``, or by its key without them."""
    axes = state.params
    if not axes.keys() >= _TRAINING_AXES:
        return state.key
    return _joined(axes, f" s{axes['seed']}")


def cell_tags(state: RunState) -> dict[str, str]:
    """Tags to group runs by: the axes without the seed in one, reward and method in another."""
    axes = state.params
    if not axes.keys() >= _TRAINING_AXES:
        return {}
    return {CELL_TAG: _joined(axes, ""), POLICY_TAG: f"{axes['reward']}-{axes['method']}"}


def run_tags(state: RunState, grid: str) -> dict[str, str]:
    """Tags of a run: the axes, what its stage recorded, and what the store shows of its own."""
    return {
        **{name: state.params[name] for name in AXES if name in state.params},
        **cell_tags(state),
        **{safe_key(name): value for name, value in state.tags.items()},
        **dict(_incidents(state)),
        "key": state.key,
        "attempt": str(state.attempt),
        "host": state.process.host,
        GRID_TAG: grid,
        "mlflow.source.name": f"hps-bench {state.params.get('stage', '')}".rstrip(),
        "mlflow.user": user(),
    }


def safe_key(name: str) -> str:
    """Change a name of a param, metric or tag where MLflow would refuse it."""
    allowed = re.sub(r"[^/\w.\- :]", "_", name)[:250]
    return posixpath.normpath(allowed).lstrip("./") or "_"


def grid_id(results: Path) -> str:
    """Identity of a results folder, made once: two of the same name never replace each other.

    Raises:
        OSError: the folder cannot be written.
        UserError: what stands there is no identity.
    """
    path = results / FOLDER / "grid.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            write_json(path, {"id": uuid.uuid4().hex})
        found = read_json(path)
    if not (isinstance(found, dict) and re.fullmatch("[0-9a-f]{32}", str(found.get("id")))):
        raise UserError(f"{path}: it holds no identity; delete it and run the same command")
    return str(found["id"])


def user() -> str:
    """Name of the user, or "unknown" in a container without one."""
    with suppress(KeyError, OSError, ImportError):
        return getpass.getuser()
    return "unknown"


def _joined(axes: Mapping[str, str], seed: str) -> str:
    name = f"{axes['reward']}-{axes['method']} {axes['dataset']} n{axes['responses']}"
    name += f" b{axes['beta']}{seed}"
    return f"{name} on {axes['evaluated_on']}" if "evaluated_on" in axes else name


def _incidents(state: RunState) -> Iterator[tuple[str, str]]:
    if state.error:
        yield "error", state.error
    if state.skipped_metrics:
        yield "skipped_metrics", str(state.skipped_metrics)
