from pathlib import Path
from typing import Any

import pytest

from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.errors import UserError
from hps_bench.grid import grid
from hps_bench.index_page.cells import CellRow, cell_rows, shown_metrics
from hps_bench.records import write_json
from hps_bench.tracking.files import RunState, Status, write_state
from hps_bench.tracking.process import this_process
from tests.unit.index_page.fabricated import DIALOGUE, evaluate, small_config
from tests.unit.tables.fabricated import write_training


@pytest.fixture
def config() -> Config:
    return small_config()


def row_of(rows: list[CellRow], cell: Cell | None) -> CellRow:
    return next(row for row in rows if row.cell == cell)


def journal(results: Path, key: str, status: Status, error: str = "") -> None:
    fields: dict[str, Any] = {"attempt": 1, "start_time": 1, "params": {}, "tags": {}}
    state = RunState(key=key, status=status, error=error, process=this_process(), **fields)
    write_state(results / "tracking" / key, state)


def test_every_cell_once_after_the_reference_model_of_each_test_set(
    tmp_path: Path, config: Config
) -> None:
    rows = cell_rows(config, tmp_path)
    assert [row.cell for row in rows] == [None, None, *grid(config)]
    assert len(rows) == 2 + 16 + 4
    assert {row.status for row in rows} == {"missing"}


def test_a_cell_names_its_experiments(tmp_path: Path) -> None:
    config = small_config()
    experiments = {"a": config.experiments["transfer"], "b": config.experiments["transfer"]}
    both = config.model_copy(update={"experiments": experiments})
    assert cell_rows(both, tmp_path)[-1].experiments == ("a", "b")


def test_means_of_an_evaluation(tmp_path: Path, config: Config) -> None:
    cell = grid(config)[0]
    evaluate(tmp_path, cell.evaluation_path, "x", 0.25)
    rows = cell_rows(config, tmp_path)
    metrics = shown_metrics(rows)
    assert [metric.name for metric in metrics] == ["reward_best", "rm_dpo"]
    found = row_of(rows, cell)
    assert (found.status, found.folder) == ("evaluated", f"evaluations/{cell.evaluation_path}")
    assert [found.shown(metric) for metric in metrics] == ["0.250", "0.125"]
    assert [row_of(rows, None).shown(metric) for metric in metrics] == ["", ""]


def test_a_policy_that_is_not_evaluated(tmp_path: Path, config: Config) -> None:
    cell = grid(config)[0]
    write_training(tmp_path, cell, 1.0)
    assert row_of(cell_rows(config, tmp_path), cell).status == "trained"


@pytest.mark.parametrize("stage", ["policies", "evaluations"])
def test_a_run_that_failed_says_why(tmp_path: Path, config: Config, stage: str) -> None:
    cell = grid(config)[0]
    path = cell.policy_path if stage == "policies" else cell.evaluation_path
    journal(tmp_path, f"{stage}/{path}", "FAILED", "the disk is full")
    found = row_of(cell_rows(config, tmp_path), cell)
    assert (found.status, found.reason) == ("failed", "the disk is full")


def test_a_baseline_that_was_killed(tmp_path: Path, config: Config) -> None:
    journal(tmp_path, f"evaluations/{DIALOGUE}/sft", "KILLED")
    assert cell_rows(config, tmp_path)[0].status == "killed"


def test_an_evaluation_outlives_a_failed_attempt(tmp_path: Path, config: Config) -> None:
    cell = grid(config)[0]
    evaluate(tmp_path, cell.evaluation_path, "x", 0.25)
    journal(tmp_path, f"policies/{cell.policy_path}", "FAILED", "later")
    found = row_of(cell_rows(config, tmp_path), cell)
    assert (found.status, found.reason) == ("evaluated", "")


def test_a_damaged_evaluation_is_told(tmp_path: Path, config: Config) -> None:
    cell = grid(config)[0]
    file = tmp_path / "evaluations" / cell.evaluation_path / "evaluation.json"
    write_json(file, {"rm_dpo": 1.0})
    file.write_text("{}")
    with pytest.raises(UserError, match="damaged, its digest has changed"):
        cell_rows(config, tmp_path)
