"""What the workflow makes of the config: which policies are followed, and who reads it."""

from typing import Any

import pytest
import yaml

from hps_bench.config import Config, load_config, parse_config
from hps_bench.errors import UserError
from hps_bench.tables.settings import TableJob
from hps_bench.training.settings import Lora, TrainSettings
from hps_bench.trajectory.settings import TrajectorySettings
from hps_bench.workflow import Workflow
from tests.cli.command import ROOT, TINY

FOLDER = "results/tiny/trajectories/toy-dialogue"


def suite(**changed: Any) -> Workflow:
    """The tiny config with two experiments, the policies of one of them followed."""
    values = yaml.safe_load(TINY.read_text())
    only = values["experiments"]["fine-tuning"]
    values |= {
        "experiments": {"a": only | {"rewards": ["dpo"]}, "b": only | {"rewards": ["sppo"]}},
        "trajectory": {"experiments": ["a"], "pairs": 2},
        "tables": {"table2": ["a"], "margins-normalised": ["a", "b"]},
    }
    return Workflow(Config.model_validate(values | changed))


def test_trajectories_are_of_the_experiments_that_are_named() -> None:
    made = suite()
    (file,) = made.trajectory_files(made.grid)
    assert file == f"{FOLDER}/dpo-hps/n4-b0.1-s0/trajectory.parquet"
    assert suite(trajectory=None).trajectory_files(made.grid) == []


def test_only_the_table_that_shows_trajectories_waits_for_them() -> None:
    made = suite()
    ending = "trajectory.parquet"
    assert [file for file in made.table_files("table2") if file.endswith(ending)] == []
    files = made.table_files("margins-normalised")
    assert [file for file in files if file.endswith(ending)] == made.trajectory_files(made.grid)
    assert sum(file.endswith("records.parquet") for file in files) == 3
    assert made.table_job("table2").followed == []
    assert made.table_job("margins-normalised").followed == ["toy-dialogue/dpo-hps/n4-b0.1-s0"]


def test_settings_are_what_their_stage_accepts() -> None:
    made = suite()
    found = TrajectorySettings.model_validate_json(made.settings("trajectory"))
    assert (found.pairs, found.lora) == (2, Lora())
    assert found.model.path == "results/tiny/models/policy"
    TableJob.model_validate_json(made.settings("tables/margins-normalised"))


def test_snapshots_are_settings_of_training_alone() -> None:
    some = suite(training={"snapshots": 3})
    kept = TrainSettings.model_validate_json(some.settings("train/dpo-hps"))
    assert kept.snapshots == 3
    assert suite().settings("trajectory") == some.settings("trajectory")


def test_without_the_section_there_are_no_settings() -> None:
    with pytest.raises(UserError, match="trajectory: the config follows no policy"):
        suite(trajectory=None).settings("trajectory")


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"experiments": ["c"]}, "trajectory.experiments: unknown experiment 'c'; known: a, b"),
        ({"experiment": ["a"]}, "trajectory.experiment: unknown key; did you mean 'experiments'?"),
        ({"experiments": ["a"], "pairs": 0}, "trajectory.pairs: input should be greater than or"),
        ({"experiments": []}, "trajectory.experiments: list should have at least 1 item"),
    ],
)
def test_wrong_sections_are_one_line(section: dict[str, Any], expected: str) -> None:
    values = suite().config.model_dump(exclude_unset=True) | {"trajectory": section}
    with pytest.raises(UserError) as error:
        parse_config(values, "mine.yaml")
    assert str(error.value).startswith(f"mine.yaml: {expected}")
    assert "\n" not in str(error.value)


def test_demo_follows_the_policies_of_all_seeds() -> None:
    """Three methods, two data sets, three seeds, and two of n = 5; a snapshot ends a stage of γ."""
    config = load_config(ROOT / "config" / "demo.yaml")
    made = Workflow(config)
    assert len(made.trajectory_files(made.grid)) == 20
    assert config.training.snapshots == 4
