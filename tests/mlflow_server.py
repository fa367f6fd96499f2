"""MLflow's server on loopback, started with the command of ``make ui``."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hps_bench.tracking.ui import ui_command
from tests.loopback import answers
from tests.processes import kill_group, wait_for


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        url: where it does.
        process: leads the group of its processes.
    """

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def serving(database: Path, port: int) -> Iterator[Server]:
    """Serve a store until the block ends.

    Args:
        database: of the store; its artifacts lie beside it.
        port: of 127.0.0.1.
    """
    with pytest.MonkeyPatch.context() as patch, (database.parent / "server.log").open("ab") as log:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
        process = subprocess.Popen(
            ui_command(database.parent, port),
            cwd=database.parent,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{url}/health"), 120)
        yield Server(url, process)
    finally:
        kill_group(process)
