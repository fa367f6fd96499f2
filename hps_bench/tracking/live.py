"""Metrics on a tracking server while the run lasts; `upload` replaces that run by the whole one."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from hps_bench.tracking.files import Entry, RunState
from hps_bench.tracking.metrics import named
from hps_bench.tracking.runs import create_run, grid_id, log_values
from hps_bench.tracking.store import connect, experiment_id, is_server, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAUSE = 2.0
_PATIENCE = 10.0


def start(results: Path, state: RunState) -> LiveRun | None:
    """Start a live run if ``MLFLOW_TRACKING_URI`` is a server that answers; never raise."""
    uri = tracking_uri(results.parent)
    if not is_server(uri):
        return None
    # Here and not in the thread: an import of MLflow beside one of torch may deadlock, and
    # environment variables must not change while native code reads them.
    with suppress(Exception):
        client = connect(uri)
        experiment = experiment_id(client, uri, results.name)
        run_id = create_run(client, experiment, grid_id(results), state)
        log_values(client, run_id, state.params, [])
        return LiveRun(client, run_id, state.params.get("stage", ""))
    return None


class LiveRun:
    """Sends entries from a thread; the first failure ends the sending, and nothing else."""

    def __init__(self, client: MlflowClient, run_id: str, stage: str) -> None:
        """Start the thread.

        Args:
            client: client of the server.
            run_id: id of the run, just made.
            stage: of the run, after which its metrics are named.
        """
        self._client = client
        self._run_id = run_id
        self._stage = stage
        self._queue: SimpleQueue[Entry] = SimpleQueue()
        self._end: RunState | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._send_until_end, daemon=True)
        self._thread.start()

    def log(self, entry: Entry) -> None:
        """Queue an entry; it is sent within seconds."""
        if self._thread.is_alive():
            self._queue.put(entry)

    def end(self, state: RunState) -> None:
        """Send the rest and the status; give up after ten seconds."""
        self._end = state
        self._ending.set()
        self._thread.join(_PATIENCE)

    def _send_until_end(self) -> None:
        with suppress(Exception):
            while not self._ending.wait(_PAUSE):
                self._send()
            self._send()
            if self._end:
                status, end_time = self._end.status, self._end.end_time
                self._client.set_terminated(self._run_id, status, end_time)

    def _send(self) -> None:
        entries = named(_drain(self._queue), self._stage)
        log_values(self._client, self._run_id, {}, entries)


def _drain(queue: SimpleQueue[Entry]) -> list[Entry]:
    entries = []
    with suppress(Empty):
        while True:
            entries.append(queue.get_nowait())
    return entries
