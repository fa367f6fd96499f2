import subprocess
import sys
from typing import Any

import pytest
import yaml

from hps_bench.config import Config
from hps_bench.errors import UserError
from hps_bench.figures.catalogue import FIGURES
from hps_bench.workflow import Workflow
from tests.cli.command import TINY

TRAJECTORY = {"experiments": ["fine-tuning"]}


def config(**changed: Any) -> Config:
    return Config.model_validate(yaml.safe_load(TINY.read_text()) | changed)


def test_figures_of_a_config() -> None:
    figures = ("training-curves", "gamma-schedule", "margin-kl-quality", "win-rates")
    judge = {"backend": "toy", "samples": 2}
    suite = Workflow(config(figures={name: ["fine-tuning"] for name in figures}, judge=judge))
    run = "toy-dialogue/dpo-hps/n4-b0.1-s0"
    assert f"results/tiny/policies/{run}/training.json" in suite.figure_files("training-curves")
    assert suite.figure_files("gamma-schedule") == [
        "results/tiny/plans/toy-dialogue/hps/n4-s0/plan.parquet"
    ]
    read = suite.figure_files("margin-kl-quality")
    assert f"results/tiny/evaluations/toy-dialogue/{run}/records.parquet" in read
    assert suite.figure_files("win-rates") == [
        f"results/tiny/judge/toy-dialogue/{name}" for name in ("scores.parquet", "summary.json")
    ]
    assert len(suite.drawn_files) == 3 * len(figures)
    assert {cell.policy_path for cell in suite.judged} == {run, run.replace("dpo", "sppo")}


def test_trajectories_are_read_where_policies_are_followed() -> None:
    figures = {"margin-kl-quality": ["fine-tuning"], "trajectories": ["fine-tuning"]}
    suite = Workflow(config(figures=figures, trajectory=TRAJECTORY))
    run = "results/tiny/trajectories/toy-dialogue/dpo-hps/n4-b0.1-s0/trajectory.parquet"
    assert all(run in suite.figure_files(name) for name in figures)


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"margins-n": ["fine-tuning"]}, r"figures\.margins-n: unknown figure 'margins-n'; did"),
        ({"margin-n": ["fine-tunin"]}, r"figures\.margin-n: unknown experiment 'fine-tunin'"),
        ({"margin-n": ["fine-tuning"]}, r"figures\.margin-n: it compares values of n"),
        ({"win-rates": ["fine-tuning"]}, r"figures\.win-rates: .*say under judge who judges"),
        ({"trajectories": ["fine-tuning"]}, r"'fine-tuning' under trajectory\.experiments"),
    ],
)
def test_figures_that_would_be_empty(figures: dict[str, list[str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        config(figures=figures)


def test_schedule_needs_a_method_with_gamma() -> None:
    only = yaml.safe_load(TINY.read_text())["experiments"]["fine-tuning"]
    experiments = {"fine-tuning": only | {"methods": ["bt"]}}
    with pytest.raises(UserError, match=r"figures\.gamma-schedule: none of its methods has a γ"):
        config(figures={"gamma-schedule": ["fine-tuning"]}, experiments=experiments)


def test_captions_are_plain_text_in_whole_sentences() -> None:
    for name, figure in FIGURES.items():
        assert figure.name == name
        assert figure.caption.endswith(".")
        assert not set("$\\{}\n") & set(figure.title + figure.caption)


def test_checking_a_config_does_not_import_matplotlib() -> None:
    code = "import hps_bench.cli, hps_bench.workflow, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
