import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hps_bench.errors import UserError
from hps_bench.tracking.files import FOLDER, metrics_file, now, read_entries
from hps_bench.tracking.journal import RunJournal
from hps_bench.tracking.reading import ARTIFACT_BYTES
from hps_bench.tracking.runs import JOURNAL_TAG
from hps_bench.tracking.store import tracking_uri
from hps_bench.tracking.upload import upload
from tests.processes import wait_for
from tests.unit.tracking.conftest import KEY, PARAMS, RunScript, record
from tests.unit.tracking.test_journal import LOG_FOREVER

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def _client(results: Path) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri(results.parent))


def _runs(results: Path, condition: str = "tags.key LIKE '%'") -> list["Run"]:
    client = _client(results)
    experiment = client.get_experiment_by_name(results.name)
    return list(client.search_runs([experiment.experiment_id], condition))


def _parents(results: Path) -> list["Run"]:
    return [run for run in _runs(results, "") if "key" not in run.data.tags]


def _history(results: Path, run: "Run", name: str) -> list[tuple[int, float, int]]:
    points = _client(results).get_metric_history(run.info.run_id, name)
    return sorted((point.step, point.value, point.timestamp) for point in points)


def test_a_run_arrives_whole(results: Path) -> None:
    table = results / "policies" / "training.json"
    table.parent.mkdir()
    table.write_text('{"hours": 1}')
    before = now()
    with RunJournal(results, KEY, PARAMS, {"data.prompts": "sha256:ab"}) as journal:
        for step in range(3):
            journal.log(step, {"loss": 1 / (step + 1), "rewards/margins": step})
        journal.figures({"last_loss": 0.25})
        journal.artifact(table)
    after = now()

    summary = upload(results)

    assert str(summary) == (
        f"runs: 1 added, 0 replaced, 0 unchanged (experiment 'demo' in "
        f"sqlite:///{results.parent}/mlflow.db)"
    )
    (run,) = _runs(results)
    assert run.info.run_name == "dpo-hps hh-rlhf n20 b0.1 s0"
    assert run.data.params == {name: str(value) for name, value in PARAMS.items()}
    assert run.data.tags["method"] == "hps"
    assert run.data.tags["data.prompts"] == "sha256:ab"
    assert run.info.status == "FINISHED"
    assert before <= run.info.start_time <= run.info.end_time <= after
    entries = read_entries(results / FOLDER / KEY)
    assert _history(results, run, "train/loss") == [
        (0, 1.0, entries[0].time),
        (1, 0.5, entries[1].time),
        (2, 1 / 3, entries[2].time),
    ]
    assert _history(results, run, "train/last_loss") == [(0, 0.25, run.info.end_time)]
    (artifact,) = _client(results).list_artifacts(run.info.run_id)
    assert (artifact.path, artifact.file_size) == ("training.json", 12)


def test_runs_hang_below_one_parent(results: Path) -> None:
    record(results, "policies/a")
    with pytest.raises(ValueError, match="no"), RunJournal(results, "policies/b", PARAMS):
        raise ValueError("no")
    upload(results)
    (parent,) = _parents(results)
    children = _runs(results)
    assert [run.data.tags["mlflow.parentRunId"] for run in children] == [parent.info.run_id] * 2
    assert sorted(run.info.status for run in children) == ["FAILED", "FINISHED"]
    assert (parent.info.run_name, parent.info.status) == ("grid", "FAILED")
    assert parent.info.start_time >= max(run.info.end_time for run in children)  # on the first page
    assert parent.info.end_time == parent.info.start_time


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ("tags.method = 'hps' and params.responses = '20'", ["h20"]),
        ("tags.method = 'hps'", ["h20", "h5"]),
        ("params.method != 'hps'", ["b20"]),
        ("attributes.status = 'FINISHED' and tags.dataset = 'hh-rlhf'", ["b20", "h20", "h5"]),
        ("metrics.`train/loss` < 0.15", ["h5"]),
    ],
)
def test_filters_find_runs_by_their_axes(results: Path, condition: str, keys: list[str]) -> None:
    record(results, "h20", PARAMS)
    record(results, "h5", {**PARAMS, "responses": 5}, loss=0.3)
    record(results, "b20", {**PARAMS, "method": "bt"})
    upload(results)
    assert sorted(run.data.tags["key"] for run in _runs(results, condition)) == keys


def test_more_metrics_and_params_than_one_call_takes(results: Path) -> None:
    params = {f"setting_{index}": index for index in range(230)}
    with RunJournal(results, KEY, params) as journal:
        for step in range(700):
            journal.log(step, {"a": step, "b": -step, "c@d": 0})
    upload(results)
    (run,) = _runs(results)
    assert run.data.params == {name: str(value) for name, value in params.items()}
    for name, sign in (("a", 1), ("b", -1), ("c_d", 0)):
        values = [value for _, value, _ in _history(results, run, name)]
        assert values == [sign * step for step in range(700)]


def test_a_second_upload_changes_nothing(results: Path) -> None:
    record(results, "policies/a")
    record(results, "policies/b")
    (results / "tables").mkdir()
    (results / "tables" / "table2.csv").write_text("1")
    upload(results)
    before = {run.info.run_id: run.data.tags for run in _runs(results, "")}
    summary = upload(results)
    assert summary.unchanged == ("policies/a", "policies/b")
    assert summary.added == summary.replaced == ()
    assert {run.info.run_id: run.data.tags for run in _runs(results, "")} == before


def test_a_rerun_replaces_its_own_run_only(results: Path) -> None:
    record(results, "policies/a", loss=0.5)
    record(results, "policies/b", loss=0.5)
    upload(results)
    old = {run.data.tags["key"]: run.info.run_id for run in _runs(results)}
    record(results, "policies/a", loss=0.25)
    summary = upload(results)
    assert (summary.replaced, summary.unchanged) == (("policies/a",), ("policies/b",))
    new = {run.data.tags["key"]: run for run in _runs(results)}
    assert len(_runs(results)) == 2
    assert new["policies/a"].info.run_id != old["policies/a"]
    assert new["policies/b"].info.run_id == old["policies/b"]
    assert new["policies/a"].data.tags["attempt"] == "2"
    assert _history(results, new["policies/a"], "train/loss")[0][:2] == (0, 0.25)


def test_an_upload_that_died_half_way_is_made_good(results: Path) -> None:
    record(results)
    upload(results)
    _client(results).delete_tag(_runs(results)[0].info.run_id, JOURNAL_TAG)  # the last thing set
    assert upload(results).replaced == (KEY,)
    assert len(_runs(results)) == 1
    assert upload(results).unchanged == (KEY,)


def test_what_was_deleted_by_hand_comes_back(results: Path) -> None:
    record(results)
    upload(results)
    client = _client(results)
    client.delete_run(_parents(results)[0].info.run_id)
    assert upload(results).unchanged == (KEY,)
    (parent,) = _parents(results)
    assert _runs(results)[0].data.tags["mlflow.parentRunId"] == parent.info.run_id
    client.delete_run(_runs(results)[0].info.run_id)
    assert upload(results).added == (KEY,)
    client.delete_experiment(parent.info.experiment_id)
    assert upload(results).unchanged == (KEY,)
    assert len(_runs(results)) == 1


def test_folders_of_one_name_do_not_replace_each_other(results: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "demo"
    record(results)
    record(other)
    uri = tracking_uri(results.parent)
    upload(results, uri)
    assert upload(other, uri).added == (KEY,)
    assert upload(results, uri).unchanged == (KEY,)
    assert len(_runs(results)) == len(_parents(results)) == 2


def test_a_running_run_shows_and_is_replaced_when_it_ends(results: Path) -> None:
    with RunJournal(results, KEY, PARAMS) as journal:
        journal.log(0, {"loss": 1.0})
        upload(results)
        (run,) = _runs(results)
        assert (run.info.status, run.info.end_time) == ("RUNNING", None)
        assert _parents(results)[0].info.status == "RUNNING"
    assert upload(results).replaced == (KEY,)
    (run,) = _runs(results)
    assert run.info.status == "FINISHED"
    assert _parents(results)[0].info.status == "FINISHED"


def test_a_run_killed_outright_is_killed_with_its_metrics(
    results: Path, start_script: RunScript
) -> None:
    before = now()
    process = start_script(LOG_FOREVER, results, KEY)
    folder = results / FOLDER / KEY
    wait_for(lambda: len(read_entries(folder)) > 50, 30)
    process.kill()
    process.wait()
    entries = read_entries(folder)
    with metrics_file(folder).open("a") as file:
        file.write('{"step":1000000,"time":17')
    upload(results)
    (run,) = _runs(results)
    assert run.info.status == "KILLED"
    assert before <= run.info.start_time <= entries[-1].time <= run.info.end_time <= now()
    history = _history(results, run, "rewards/margins")
    assert history == [(entry.step, entry.step, entry.time) for entry in entries]


def test_a_run_ended_by_sigterm_is_killed(results: Path, start_script: RunScript) -> None:
    process = start_script(LOG_FOREVER, results, KEY)
    wait_for(lambda: len(read_entries(results / FOLDER / KEY)) > 5, 30)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    upload(results)
    assert _runs(results)[0].info.status == "KILLED"


def test_a_failed_run_tells_its_error(results: Path) -> None:
    with pytest.raises(ValueError, match="beta"), RunJournal(results, KEY, PARAMS):
        raise ValueError("beta must be positive")
    upload(results)
    (run,) = _runs(results)
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == "ValueError: beta must be positive"


def test_tables_belong_to_the_parent_and_follow_their_changes(results: Path) -> None:
    tables = results / "tables"
    tables.mkdir()
    for name in ("table2.csv", "table2.tex", "table2.html", "notes.txt"):
        (tables / name).write_text(name)
    upload(results)
    client = _client(results)
    parent = _parents(results)[0].info.run_id
    names = [file.path for file in client.list_artifacts(parent, "tables")]
    assert names == ["tables/table2.csv", "tables/table2.html", "tables/table2.tex"]
    (tables / "table2.csv").write_text("a new one")
    upload(results)
    assert Path(client.download_artifacts(parent, "tables/table2.csv")).read_text() == "a new one"


def test_damaged_journals_and_large_files_are_named_and_the_rest_arrives(results: Path) -> None:
    record(results, "policies/a")
    record(results, "policies/b")
    (results / FOLDER / "policies" / "a" / "run.json").write_text("{")
    with (results / "samples.parquet").open("wb") as file:
        file.truncate(ARTIFACT_BYTES + 1)
    with RunJournal(results, "policies/c", PARAMS) as journal:
        journal.artifact(results / "samples.parquet")
    summary = upload(results)
    assert summary.added == ("policies/b", "policies/c")
    assert summary.left_out == (
        f"{results}/tracking/policies/a: damaged journal, run its stage again",
        "samples.parquet: missing or larger than 16 MiB",
    )


def test_the_address_comes_from_the_environment(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (results.parent / "mlflow.db").rename(tmp_path / "team #1.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'team #1.db'}")
    with RunJournal(results, KEY, PARAMS) as journal:
        journal.artifact(Path(__file__))
    upload(results)
    assert not (results.parent / "mlflow.db").exists()
    (run,) = _runs(results)
    assert list(
        (tmp_path / "mlartifacts" / "demo").glob(f"{run.info.run_id}/*/{Path(__file__).name}")
    )


def test_a_folder_without_runs_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no runs to track; give a results folder"):
        upload(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_one_line_and_loses_nothing(results: Path) -> None:
    record(results)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(UserError) as caught:
            upload(results, f"http://anna:secret@{address}")
    message = str(caught.value)
    assert message.startswith(f"http://{address}: upload failed (")
    assert message.endswith("run 'hps-bench track' again once it is mended")
    assert "\n" not in message
    assert "secret" not in message
    assert upload(results).added == (KEY,)


def test_a_job_needs_no_mlflow_and_an_upload_sends_no_usage_reports(
    results: Path, start_script: RunScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)  # each of them would switch the reports off
    code = """
import sys
from pathlib import Path
from hps_bench.tracking.journal import RunJournal
from hps_bench.tracking.upload import upload

with RunJournal(Path(sys.argv[1]), sys.argv[2], {}) as run:
    run.log(0, {"loss": 1.0})
assert not {"mlflow", "torch"} & sys.modules.keys()
print(upload(Path(sys.argv[1])).added)

from mlflow.telemetry.client import get_telemetry_client
print(get_telemetry_client())
"""
    output, _ = start_script(code, results, KEY).communicate(timeout=60)
    assert output == f"({KEY!r},)\nNone\n"


def test_a_server_takes_the_same_runs(
    results: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(results.with_name("by-upload"))
    results = results.with_name("by-upload")
    with RunJournal(results, "evaluations/a", {"stage": "evaluate"}) as journal:
        journal.figures({"bleu": 0.5})
        journal.artifact(Path(__file__))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert upload(results).added == ("evaluations/a", KEY)
    assert upload(results).unchanged == ("evaluations/a", KEY)
    (run,) = _runs(results, "tags.stage = 'evaluate'")
    (artifact,) = _client(results).list_artifacts(run.info.run_id)
    assert (run.data.metrics, artifact.path) == ({"eval/bleu": 0.5}, Path(__file__).name)
    (other,) = _runs(results, "tags.stage = 'train'")
    assert [value for _, value, _ in _history(results, other, "train/loss")] == [0.5, 0.25, 0.5 / 3]
