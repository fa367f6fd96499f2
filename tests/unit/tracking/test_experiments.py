"""Experiments of the config in the store: parents, what they hold, and how they change."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hps_bench.tracking.journal import RunJournal
from hps_bench.tracking.store import tracking_uri
from hps_bench.tracking.upload import upload
from tests.unit.tracking.fabricated import (
    PNG,
    cell,
    experiment,
    write_grid,
    write_settings,
    write_training,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

OWN = experiment(["bt", "hps"])
SEEDS = experiment(["hps"], seeds=[0, 1])
KEY = f"policies/{cell('hps').policy_path}"


@pytest.fixture
def grid(results: Path) -> Path:
    write_grid(results, {"own": OWN, "seeds": SEEDS})
    upload(results)
    return results


def _client(results: Path) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri(results.parent))


def _runs(results: Path, condition: str = "") -> dict[str, "Run"]:
    client = _client(results)
    experiment = client.get_experiment_by_name(results.name).experiment_id
    return {run.info.run_name: run for run in client.search_runs([experiment], condition)}


def _children(results: Path, parent: str) -> set[str]:
    run_id = _runs(results)[parent].info.run_id
    return set(_runs(results, f"tags.`mlflow.parentRunId` = '{run_id}'"))


def _files(results: Path, run: str, folder: str = "") -> list[str]:
    client = _client(results)
    run_id = _runs(results)[run].info.run_id
    return [file.path for file in client.list_artifacts(run_id, folder or None)]


def test_a_cell_hangs_below_the_first_experiment_that_has_it(grid: Path) -> None:
    trained = {f"dpo-{m} pku n20 b0.1 s{s}" for m, s in (("bt", 0), ("hps", 0))}
    own = {*trained, *(f"{name} on pku" for name in trained), "evaluations/pku/sft"}
    assert _children(grid, "own") == own
    assert _children(grid, "seeds") == {
        *("dpo-hps pku n20 b0.1 s1", "dpo-hps pku n20 b0.1 s1 on pku")
    }
    assert _children(grid, "grid") == set()
    shared = "tags.experiments LIKE '%|own|%' and tags.experiments LIKE '%|seeds|%'"
    assert set(_runs(grid, f"{shared} and tags.method = 'hps'")) == {
        *("dpo-hps pku n20 b0.1 s0", "dpo-hps pku n20 b0.1 s0 on pku")
    }


def test_parents_come_first_in_the_order_of_the_config(grid: Path) -> None:
    """MLflow lists runs by their start, newest first."""
    assert list(_runs(grid))[:3] == ["grid", "own", "seeds"]
    assert {run.info.status for run in _runs(grid).values()} == {"FINISHED"}


def test_numeric_axes_are_compared_as_numbers(grid: Path) -> None:
    condition = "metrics.`axis/seed` > 0 and metrics.`axis/responses` >= 9"
    assert len(_runs(grid, condition)) == 2


def test_runs_of_one_cell_or_one_policy_share_a_tag(grid: Path) -> None:
    assert len(_runs(grid, "tags.cell = 'dpo-hps pku n20 b0.1 on pku'")) == 2
    assert len(_runs(grid, "tags.policy = 'dpo-hps'")) == 4


def test_what_shows_the_whole_grid_hangs_at_its_run(grid: Path) -> None:
    assert _files(grid, "grid") == ["figures", "index.html", "report", "tables"]
    assert _files(grid, "grid", "figures") == ["figures/margins.png"]
    run_id = _runs(grid)["grid"].info.run_id
    picture = _client(grid).download_artifacts(run_id, "figures/margins.png")
    assert Path(picture).read_bytes() == PNG
    assert not Path(picture).is_symlink()


def test_others_may_read_what_is_stored(grid: Path) -> None:
    plain = grid.stat().st_mode
    folders = [path for path in (grid.parent / "mlartifacts").rglob("*") if path.is_dir()]
    assert {path.stat().st_mode for path in folders} == {plain}


def test_a_table_makes_a_file_of_its_name_way(grid: Path) -> None:
    """And does not write to it."""
    file = grid / "samples.json"
    file.write_text("mine")
    one = cell("hps", seed=1)
    params = {"stage": "evaluate", **one.axes, "evaluated_on": "pku"}
    with RunJournal(grid, f"evaluations/{one.evaluation_path}", params) as run:
        run.artifact(file)
    assert len(upload(grid).replaced) == 1
    assert file.read_text() == "mine"
    info = _runs(grid)["dpo-hps pku n20 b0.1 s1 on pku"].info
    stored = _client(grid).download_artifacts(info.run_id, "samples.json")
    assert "answer 3 to p0" in Path(stored).read_text()


def test_mlflow_reads_the_tables_of_an_evaluation(
    grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(grid.parent))
    run = _runs(grid)["dpo-hps pku n20 b0.1 s0 on pku"]
    load = _client(grid).load_table
    samples = load(run.info.experiment_id, "samples.json", [run.info.run_id])
    assert list(samples["response"]) == [f"answer 2 to p{n}, sample 0" for n in range(3)]
    records = load(run.info.experiment_id, "records.json", [run.info.run_id])
    assert list(records["rm_dpo"]) == pytest.approx([2.0, 2.1, 2.2])


def test_an_experiment_shows_its_policies_side_by_side(
    grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(grid.parent))
    info = _runs(grid)["own"].info
    table = _client(grid).load_table(info.experiment_id, "samples.json", [info.run_id])
    assert list(table.columns[-2:]) == ["dpo-bt n20 b0.1", "dpo-hps n20 b0.1"]


def test_a_run_names_the_data_it_read(grid: Path) -> None:
    (trained,) = _runs(grid)["dpo-hps pku n20 b0.1 s0"].inputs.dataset_inputs
    assert (trained.dataset.name, trained.dataset.digest) == (
        *("plans/pku/hps/plan.parquet", "ab" * 18),
    )
    assert len(_runs(grid, "dataset.name = 'prompts/pku/prompts.parquet'")) == 4


def test_another_card_replaces_the_card_and_not_the_run(grid: Path) -> None:
    before = _runs(grid)
    (grid / KEY / "README.md").write_text("another card")
    assert upload(grid).replaced == ()
    after = _runs(grid)
    assert {n: r.info.run_id for n, r in after.items()} == {
        n: r.info.run_id for n, r in before.items()
    }
    run_id = after["dpo-hps pku n20 b0.1 s0"].info.run_id
    card = _client(grid).download_artifacts(run_id, "README.md")
    assert Path(card).read_text() == "another card"


def test_another_config_moves_runs_and_replaces_none(grid: Path) -> None:
    write_settings(grid, {"new": SEEDS, "own": OWN})
    assert len(upload(grid).unchanged) == 7
    assert _children(grid, "new") == {
        *(f"dpo-hps pku n20 b0.1 s{seed}" for seed in (0, 1)),
        *(f"dpo-hps pku n20 b0.1 s{seed} on pku" for seed in (0, 1)),
        "evaluations/pku/sft",
    }
    assert "seeds" not in _runs(grid)
    assert _runs(grid)["dpo-bt pku n20 b0.1 s0"].data.tags["experiments"] == "|own|"
    write_settings(grid, {"new": SEEDS})
    upload(grid)
    assert "2 cells" in _runs(grid)["new"].data.tags["mlflow.note.content"]
    write_settings(grid, {"new": experiment(["hps"], seeds=[0, 1, 2])})
    upload(grid)
    assert "3 cells" in _runs(grid)["new"].data.tags["mlflow.note.content"]
    assert _children(grid, "grid") == {"dpo-bt pku n20 b0.1 s0", "dpo-bt pku n20 b0.1 s0 on pku"}
    assert "experiments" not in _runs(grid)["dpo-bt pku n20 b0.1 s0"].data.tags


def test_a_second_upload_of_a_whole_grid_writes_nothing(grid: Path) -> None:
    database = grid.parent / "mlflow.db"
    before = database.read_bytes()
    assert len(upload(grid).unchanged) == 7
    assert database.read_bytes() == before


def test_the_worst_run_decides_the_status_of_its_experiment(grid: Path) -> None:
    write_training(grid, cell("hps", seed=1))
    path = grid / "tracking/policies" / cell("hps", seed=1).policy_path / "run.json"
    state = json.loads(path.read_text())
    (path.parent / ".sha256/run.json.sha256").unlink()
    path.write_text(json.dumps({**state, "status": "FAILED"}))
    assert len(upload(grid).replaced) == 1
    status = {name: run.info.status for name, run in _runs(grid).items()}
    assert [status[name] for name in ("grid", "own", "seeds")] == ["FAILED", "FINISHED", "FAILED"]
