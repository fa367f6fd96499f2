from pathlib import Path

import pytest

from hps_bench.errors import UserError
from hps_bench.tracking.settings import (
    TrackedExperiment,
    TrackSettings,
    memberships,
    read_settings,
)
from tests.unit.tracking.fabricated import experiment, write_settings


def test_a_run_belongs_to_every_experiment_that_has_its_cell_the_first_one_first() -> None:
    settings = TrackSettings(
        data_sets=["hh", "pku"],
        experiments=[
            TrackedExperiment(name="transfer", axes=experiment(["hps"], evaluate_on="others")),
            TrackedExperiment(name="own", axes=experiment(["hps"], seeds=[0, 1])),
        ],
    )
    assert memberships(settings) == {
        "policies/pku/dpo-hps/n20-b0.1-s0": ("transfer", "own"),
        "evaluations/hh/pku/dpo-hps/n20-b0.1-s0": ("transfer",),
        "evaluations/hh/sft": ("transfer",),
        "evaluations/pku/pku/dpo-hps/n20-b0.1-s0": ("own",),
        "evaluations/pku/sft": ("own",),
        "policies/pku/dpo-hps/n20-b0.1-s1": ("own",),
        "evaluations/pku/pku/dpo-hps/n20-b0.1-s1": ("own",),
    }


def test_settings_keep_the_order_of_the_config(tmp_path: Path) -> None:
    write_settings(tmp_path, {"z": experiment(["bt"]), "a": experiment(["hps"])})
    assert list(read_settings(tmp_path).cells) == ["z", "a"]


def test_a_folder_without_settings_has_no_experiments(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == TrackSettings()


@pytest.mark.parametrize("content", ["{", '{"experiments": 1}'])
def test_damaged_settings_are_a_users_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings/track.json").write_text(content)
    with pytest.raises(UserError, match="delete it and run snakemake again"):
        read_settings(tmp_path)
