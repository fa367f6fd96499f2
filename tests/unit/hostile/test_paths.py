"""No name, from a command line, a file or a row, makes a stage write outside its folder."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from typer.testing import CliRunner

from hps_bench.cell import Cell
from hps_bench.cli import app
from hps_bench.config import parse_config
from hps_bench.errors import UserError
from hps_bench.evaluation.settings import SamplesJob
from hps_bench.grid import grid
from hps_bench.stages import load_settings
from hps_bench.tables.settings import TableJob
from hps_bench.tracking.runs import grid_id
from hps_bench.workflow import Workflow
from tests.cli.command import TINY
from tests.unit.hostile.texts import hostile_text
from tests.unit.test_config import of_experiment, values

CELL = Cell("dpo", "hps", "a", "b", 4, 0.1, 0)
OUTSIDE = ("../../x", "..", ".", "", "/etc/x", "a/../../x", "a\x00", "x" * 300)
NAMES = {"--reward": "dpo", "--method": "hps", "--dataset": "a", "--evaluated-on": "a"}
AXES = {"--responses": "4", "--beta": "0.1", "--seed": "0"}
POLICY = ("--reward", "--method", "--dataset", *AXES)
TEST_SET = ("--prompts", "--rewards", "--reference", "--evaluated-on")
OPTIONS = {
    "train": ("--settings", "--plan", "--reference", *POLICY, "--results"),
    "evaluate": ("--settings", *TEST_SET, *POLICY, "--results"),
    "baseline": ("--settings", *TEST_SET, "--results"),
}
CASES = [(command, name) for command in OPTIONS for name in NAMES if name in OPTIONS[command]]


def tree(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize(("command", "option"), CASES)
@pytest.mark.parametrize("name", OUTSIDE, ids=lambda name: repr(name)[:12])
def test_names_given_by_hand(tmp_path: Path, command: str, option: str, name: str) -> None:
    file = str(tmp_path / "file")
    Path(file).touch()
    values_of = {**NAMES, **AXES, option: name}
    line = [part for of in OPTIONS[command] for part in (of, values_of.get(of, file))]
    before = tree(tmp_path)
    result = CliRunner().invoke(app, [command, *line])
    assert isinstance(result.exception, UserError), result.output
    assert "no name of a folder; write one like hh-rlhf or dpo" in str(result.exception)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("field", ["reward", "method", "trained_on", "evaluated_on"])
@pytest.mark.parametrize("name", ["a/b", "../x", "\x00", "x" * 300, "\ud800", "a\u202e"], ids=repr)
def test_a_cell_has_plain_names(field: str, name: str) -> None:
    with pytest.raises(UserError, match="no name of a folder"):
        Cell(**{**vars(CELL), field: name})


@given(hostile_text, hostile_text)
def test_paths_of_a_cell_stay_below_their_folder(reward: str, dataset: str) -> None:
    try:
        cell = Cell(reward, "bt", dataset, dataset, 4, 0.1, 0)
    except UserError:
        return
    for path, depth in ((cell.policy_path, 3), (cell.evaluation_path, 4), (cell.baseline_path, 2)):
        parts = Path("results", path).parts
        assert len(parts) == depth + 1
        assert ".." not in parts


def test_a_seed_too_long_for_a_name_is_a_users_error() -> None:
    config = parse_config(values(**of_experiment(seeds=[10**300])), "mine.yaml")
    with pytest.raises(UserError, match="no name of a folder"):
        grid(config)


@pytest.mark.parametrize("field", ["evaluated_on", "trained_on"])
def test_cells_in_files_of_jobs(tmp_path: Path, field: str) -> None:
    cell = {**vars(CELL), field: "../../x"}
    tables = tmp_path / "table.json"
    tables.write_text(json.dumps({"cells": [cell], "incomparable": [None]}))
    samples = tmp_path / "samples.json"
    samples.write_text(json.dumps({"evaluated_on": "a", "cells": [cell]}))
    with pytest.raises(UserError, match=r"'\.\./\.\./x': no name of a folder"):
        load_settings(TableJob, tables)
    with pytest.raises(UserError, match=r"'\.\./\.\./x': no name of a folder"):
        load_settings(SamplesJob, samples)


def test_the_test_set_of_a_job_of_samples(tmp_path: Path) -> None:
    file = tmp_path / "samples.json"
    file.write_text(json.dumps({"evaluated_on": "../../x", "cells": []}))
    with pytest.raises(UserError, match="no name of a folder"):
        load_settings(SamplesJob, file)


@pytest.mark.parametrize("name", OUTSIDE[:-1], ids=repr)
def test_tables_have_known_names(tmp_path: Path, name: str) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"cells": [vars(CELL)], "incomparable": [None]}))
    output, before = tmp_path / "output", tree(tmp_path)
    options = ["--settings", str(settings), "--results", str(tmp_path), "--output", str(output)]
    result = CliRunner().invoke(app, ["table", "--table", name, *options])
    assert isinstance(result.exception, UserError)
    assert "no table" in str(result.exception)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("key", ["prompts/../../x", "train/../../x", "tables/../x", "../../x"])
def test_settings_have_known_keys(key: str) -> None:
    """Snakemake itself puts ``..`` of a target away before a rule sees it."""
    workflow = Workflow(parse_config(yaml.safe_load(TINY.read_text()), "tiny.yaml"))
    with pytest.raises((KeyError, UserError)):
        workflow.settings(key)


@pytest.mark.parametrize("content", ["[]", "{}", '{"id": 1}', '{"id": "\' OR 1"}'])
def test_the_identity_of_a_results_folder_is_one(tmp_path: Path, content: str) -> None:
    """It stands in searches of MLflow."""
    (tmp_path / "tracking").mkdir()
    (tmp_path / "tracking" / "grid.json").write_text(content)
    with pytest.raises(UserError, match=r"grid\.json: it holds no identity; delete it"):
        grid_id(tmp_path)
