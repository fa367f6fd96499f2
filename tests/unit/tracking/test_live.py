import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hps_bench.tracking import live
from hps_bench.tracking.files import FOLDER, read_entries, read_state
from hps_bench.tracking.journal import RunJournal
from hps_bench.tracking.upload import upload
from tests.processes import wait_for
from tests.unit.tracking.conftest import KEY, PARAMS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


@pytest.fixture
def client(server: str, monkeypatch: pytest.MonkeyPatch) -> "MlflowClient":
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setattr(live, "_PAUSE", 0.1)
    return MlflowClient(tracking_uri=server)


def _runs(client: "MlflowClient", results: Path) -> list["Run"]:
    experiment = client.get_experiment_by_name(results.name)
    return list(client.search_runs([experiment.experiment_id], "tags.key LIKE '%'"))


def test_metrics_show_while_the_run_lasts_and_the_upload_replaces_them(
    client: "MlflowClient", tmp_path: Path
) -> None:
    results = tmp_path / "live"
    with RunJournal(results, KEY, PARAMS) as journal:
        journal.log(1, {"loss": 0.5})
        wait_for(lambda: bool(_runs(client, results)[0].data.metrics), 30)
        (run,) = _runs(client, results)
        assert (run.info.status, run.data.metrics) == ("RUNNING", {"train/loss": 0.5})
        assert upload(results).unchanged == (KEY,)
        journal.log(2, {"loss": 0.25})
        journal.figures({"steps": 2})
    (run,) = _runs(client, results)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"train/loss": 0.25})
    assert upload(results).replaced == (KEY,)
    (run,) = _runs(client, results)
    axes = {"axis/responses": 20, "axis/beta": 0.1, "axis/seed": 0}
    assert run.data.metrics == {"train/loss": 0.25, "train/steps": 2, **axes}
    assert run.data.tags["mlflow.parentRunId"]


def test_of_several_attempts_the_upload_keeps_the_one_that_runs(
    client: "MlflowClient", tmp_path: Path
) -> None:
    results = tmp_path / "attempts"
    for _ in range(4):
        with RunJournal(results, KEY, PARAMS, first_step=1):
            pass
    with RunJournal(results, KEY, PARAMS, first_step=1) as journal:
        assert len(_runs(client, results)) == 5
        assert upload(results).unchanged == (KEY,)
        (run,) = _runs(client, results)
        assert (run.info.status, run.data.tags["attempt"]) == ("RUNNING", "5")
        journal.log(1, {"train/loss": 0.25})
        wait_for(lambda: bool(_runs(client, results)[0].data.metrics), 30)


def test_a_refusal_of_the_server_ends_the_sending_only(
    client: "MlflowClient", tmp_path: Path
) -> None:
    results = tmp_path / "refused"
    with RunJournal(results, KEY, PARAMS) as journal:
        client.delete_run(_runs(client, results)[0].info.run_id)
        for step in range(3):
            journal.log(step, {"train/loss": 0.5})
            time.sleep(0.2)
    assert len(read_entries(results / FOLDER / KEY)) == 3
    assert upload(results).added == (KEY,)


def test_without_an_answer_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with RunJournal(tmp_path / "alone", KEY, PARAMS) as journal:
            journal.log(0, {"train/loss": 0.5})
    state = read_state(tmp_path / "alone" / FOLDER / KEY)
    assert state is not None
    assert state.status == "FINISHED"
    assert len(read_entries(tmp_path / "alone" / FOLDER / KEY)) == 1
