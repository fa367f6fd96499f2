"""Tracking stores that are away, locked, killed or crowded: results are not touched by it.

Once the store is back the same command brings all runs into it, each once.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hps_bench.tracking.runs import JOURNAL_TAG
from hps_bench.tracking.store import connect
from hps_bench.tracking.upload import upload
from tests.faults.jobs import Bench
from tests.faults.runs import BIN, RESULTS, Run, differences, seeded
from tests.faults.tally import injected
from tests.loopback import free_port
from tests.mlflow_server import serving
from tests.processes import kill_group

if TYPE_CHECKING:
    from mlflow.entities import Run as StoredRun

pytestmark = pytest.mark.faults

WRITERS = 24
IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
"""MLflow would wait for a server for minutes."""
AWAY = "http://127.0.0.1:9"
TRACK = (f"{BIN}/hps-bench", "track", str(RESULTS))


@pytest.fixture
def untracked(finished: Run) -> Run:
    """A finished run whose store is gone."""
    (finished.folder / "results/mlflow.db").unlink()
    shutil.rmtree(finished.folder / "results/mlartifacts")
    return finished


def start(run: Run, **variables: str) -> subprocess.Popen[str]:
    """Start an upload."""
    return subprocess.Popen(
        TRACK,
        cwd=run.folder,
        env=run.environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def track(run: Run, **variables: str) -> tuple[int, str]:
    """Upload; exit code, and what was said on standard error."""
    process = start(run, **variables)
    _, said = process.communicate(timeout=300)
    return process.returncode, said


def check_refused(code: int, said: str) -> None:
    assert (code, said.count("\n")) == (2, 1), said
    assert said.startswith("hps-bench: "), said


def check_store(run: Run, uri: str = "") -> None:
    """Every run is there once, whole, with all its steps."""
    from mlflow import MlflowClient

    client = MlflowClient(uri or f"sqlite:///{run.folder}/results/mlflow.db")
    experiment = client.get_experiment_by_name(RESULTS.name)
    stored = client.search_runs([experiment.experiment_id])
    stored = [one for one in stored if one.data.tags["stage"] != "experiment"]
    assert Counter(one.data.tags.get("key", "grid") for one in stored) == Counter(journals(run))
    for one in stored:
        if "key" in one.data.tags:
            assert JOURNAL_TAG in one.data.tags
            assert steps(client.get_metric_history, one) == steps_of(run, one.data.tags["key"])


def journals(run: Run) -> list[str]:
    tracking = run.results / "tracking"
    return ["grid", *(str(p.parent.relative_to(tracking)) for p in tracking.rglob("run.json"))]


def steps(history, stored: StoredRun) -> list[tuple[int, float]]:  # type: ignore[no-untyped-def]
    return sorted((point.step, point.value) for point in history(stored.info.run_id, "train/loss"))


def steps_of(run: Run, key: str) -> list[tuple[int, float]]:
    file = run.results / "tracking" / key / "metrics.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    entries = [json.loads(line) for line in lines]
    return sorted((entry["step"], entry["metrics"]["loss"]) for entry in entries)


def test_server_is_away(untracked: Run, undisturbed: Run) -> None:
    """The workflow's last job fails, nothing else does."""
    (untracked.results / "tracking/uploaded.txt").unlink()
    with injected([("track", "tracking store")]):
        process = untracked.start(MLFLOW_TRACKING_URI=AWAY)
        code = process.wait(timeout=300)
        kill_group(process)
        assert code == 1, untracked.log[-6000:]
        assert "upload failed" in untracked.log
        assert differences(undisturbed.results, untracked.results) == []
        untracked.finish()
        check_store(untracked)


@pytest.mark.parametrize("stage", ["train", "evaluate", "evaluate_baseline"])
def test_server_is_away_while_a_run_is_recorded(stage: str, bench: Bench, tmp_path: Path) -> None:
    job = bench.jobs[stage]
    bench.changes(job, bench.copy(job, tmp_path / "expected"))
    with injected([(stage, "tracking store")]):
        folder = bench.copy(job, tmp_path / "run")
        result = bench.do(job, folder, MLFLOW_TRACKING_URI=AWAY)
        assert result.returncode == 0, result.stderr
        assert differences(tmp_path / "expected" / RESULTS, folder / RESULTS) == []


def test_server_is_killed_while_it_is_sent_runs(untracked: Run, bench: Bench) -> None:
    choices, port = seeded("server"), free_port()
    uri, database = f"http://127.0.0.1:{port}", untracked.folder / "server.db"
    connect(f"sqlite:///{database}")
    for _ in range(3):
        with injected([("track", "tracking store")]):
            with serving(database, port) as server:
                upload = start(untracked, MLFLOW_TRACKING_URI=uri, **IMPATIENT)
                time.sleep(choices.uniform(1, 4))
                kill_group(server.process)
                _, said = upload.communicate(timeout=300)
            if upload.returncode != 0:
                check_refused(upload.returncode, said)
    with serving(database, port):
        assert track(untracked, MLFLOW_TRACKING_URI=uri) == (0, "")
        check_store(untracked, uri)
    assert differences(bench.run.results, untracked.results) == []


def test_upload_is_killed(untracked: Run, bench: Bench) -> None:
    """While it makes the store, and later."""
    choices = seeded("upload")
    for _ in range(5):
        with injected([("track", "stage killed")]):
            process = start(untracked)
            time.sleep(choices.uniform(0.5, 5))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if choices.random() < 0.5:
                assert track(untracked) == (0, "")
                check_store(untracked)
    assert track(untracked) == (0, "")
    check_store(untracked)
    assert differences(bench.run.results, untracked.results) == []


def test_database_is_locked_for_seconds(finished: Run) -> None:
    """Another program writes to it; the upload waits."""
    with injected([("track", "tracking store")]):
        with closing(sqlite3.connect(finished.folder / "results/mlflow.db")) as database:
            database.execute("BEGIN EXCLUSIVE")
            process = start(finished)
            time.sleep(4)
            database.rollback()
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        check_store(finished)


def test_database_is_locked_for_good(finished: Run) -> None:
    with injected([("track", "tracking store")]):
        with closing(sqlite3.connect(finished.folder / "results/mlflow.db")) as database:
            database.execute("BEGIN EXCLUSIVE")
            check_refused(*track(finished))
            database.rollback()
        assert track(finished) == (0, "")
        check_store(finished)


def test_many_writers_at_once(untracked: Run) -> None:
    """On a store that is not there yet; one of them brings all runs, the others find them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow.store.tracking.sqlalchemy_store", upload.__module__])
    with injected([("track", "tracking store")] * WRITERS):
        with context.Pool(WRITERS, maxtasksperchild=1) as pool:
            found = pool.map(upload, [untracked.results] * WRITERS, chunksize=1)
        added = sorted(len(summary.added) for summary in found)
        assert added == [0] * (WRITERS - 1) + [len(journals(untracked)) - 1]
        check_store(untracked)
