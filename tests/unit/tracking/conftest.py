import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hps_bench.tracking.journal import RunJournal
from hps_bench.tracking.store import connect
from tests.loopback import free_port
from tests.mlflow_server import serving

KEY = "policies/hh-rlhf/dpo-hps/n20-b0.1-s0"
PARAMS = {
    "stage": "train",
    "reward": "dpo",
    "method": "hps",
    "dataset": "hh-rlhf",
    "responses": 20,
    "beta": 0.1,
    "seed": 0,
    "learning_rate": 5e-7,
}


@pytest.fixture(autouse=True)
def _no_tracking_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: MLflow needs two seconds to run its migrations."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def results(tmp_path: Path, empty_database: Path) -> Path:
    folder = tmp_path / "results" / "demo"
    folder.mkdir(parents=True)
    shutil.copyfile(empty_database, folder.parent / "mlflow.db")
    return folder


def record(
    results: Path,
    key: str = KEY,
    params: Mapping[str, Any] = PARAMS,
    loss: float = 0.5,
) -> None:
    """Write the journal of a run of three steps that ended well."""
    with RunJournal(results, key, params) as run:
        for step in range(3):
            run.log(step, {"train/loss": loss / (step + 1)})


RunScript = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_script() -> Iterator[RunScript]:
    """Start Python code in a process of its own, which ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        process = subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[str]:
    """Address of an MLflow server."""
    root = tmp_path_factory.mktemp("server")
    shutil.copyfile(empty_database, root / "mlflow.db")
    with serving(root / "mlflow.db", free_port()) as started:
        yield started.url
