"""The stage and its command: files, their repetition, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from hps_bench.cli import app
from hps_bench.config import load_config
from hps_bench.errors import UserError
from hps_bench.theory.sample_complexity import estimates, fitted, regret
from hps_bench.theory.settings import SCENARIOS, TABLES, Scenario, TheorySettings
from hps_bench.theory.stage import write_theory
from hps_bench.theory.world import Truth
from hps_bench.workflow import Workflow
from tests.cli.command import ROOT
from tests.unit.theory.tiny import TINY


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of the command."""
    folder = tmp_path_factory.mktemp("theory")
    (folder / "theory.json").write_text(json.dumps(TINY))
    given = ["--settings", str(folder / "theory.json"), "--output", str(folder / "out")]
    result = CliRunner().invoke(app, ["theory", *given], catch_exceptions=False)
    assert result.exit_code == 0
    return folder / "out"


def test_command_writes_tables_and_a_manifest(written: Path) -> None:
    manifest = json.loads((written / "manifest.json").read_text())
    assert manifest["stage"] == "theory"
    assert manifest["results"]["errors"] == 2 * 3 * 11
    assert set(manifest["results"]) == set(TABLES)
    for name, rows in manifest["results"].items():
        assert len(pd.read_csv(written / f"{name}.csv")) == rows
    assert (written / "theorem-1.md").read_text().startswith("# Theorem 1 by simulation\n")


def test_same_settings_give_the_same_files(written: Path, tmp_path: Path) -> None:
    write_theory(TheorySettings.model_validate(TINY), tmp_path)
    made = [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert len(made) > len(TABLES)
    for name in made:
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes(), name


def test_one_place_in_a_world_without_bounds_is_enough(tmp_path: Path) -> None:
    """Nothing to draw a slope through, and nothing that the theorem bounds."""
    grid = {"reward": "quadratic", "prompts": [40], "responses": [3], "methods": ["pl", "bt"]}
    alone = TINY | {"sample_complexity": {"scenarios": {"misspecified": grid}}}
    rows = write_theory(TheorySettings.model_validate(alone), tmp_path)
    assert (rows["errors"], rows["errors-slopes"], rows["errors-bounds"]) == (4, 0, 0)
    page = (tmp_path / "theorem-1.md").read_text(encoding="utf-8")
    assert "## misspecified: m = 40, n = 3, 2 seeds" in page
    assert "slopes in n" not in page


def test_other_seed_gives_other_data() -> None:
    settings = (TheorySettings.model_validate(TINY | {"seed": seed}) for seed in (0, 1))
    first, second = (estimates(given)["error"] for given in settings)
    assert not np.isclose(first, second).any()


@pytest.mark.parametrize(
    "wrong", [{"methods": ["dpo"]}, {"prompts": [1]}, {"bound_ratio": 0.5}, {"dimension": 2}]
)
def test_wrong_scenario_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Scenario.model_validate(wrong)


def test_methods_without_gamma_are_fitted_once() -> None:
    scenario = Scenario(methods=["pl", "hps"], gammas=[0, 5])
    assert list(fitted(scenario)) == [("pl", None), ("hps", 0), ("hps", 5)]


def test_regret_by_hand() -> None:
    """Two lists: the best by θ is the best in one, and the worst in the other."""
    features = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 2.0], [1.0, 0.0]]])
    truth = Truth(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.zeros(2))
    assert regret(np.array([1.0, 0.0]), truth, features) == 0
    assert regret(np.array([1.0, 0.9]), truth, features) == 1
    assert regret(np.array([-1.0, 0.0]), truth, features) == 2


def test_workflow_asks_for_the_tables_where_the_config_does() -> None:
    demo = load_config(ROOT / "config" / "demo.yaml")
    suite = Workflow(demo)
    assert suite.theory_files == [f"results/demo/theory/{name}.csv" for name in TABLES]
    assert json.loads(suite.settings("theory"))["seeds"] == 5
    without = Workflow(demo.model_copy(update={"theory": None}))
    assert without.theory_files == []
    with pytest.raises(UserError, match=r"^theory: the config asks for no simulations"):
        without.settings("theory")


def test_presets_have_a_theorem_scenario() -> None:
    paper = load_config(ROOT / "config" / "paper.yaml").theory
    assert paper is not None
    for scenarios in (SCENARIOS, paper.sample_complexity.scenarios):
        assert scenarios["theorem"].is_the_theorems
        assert not scenarios["practice"].is_the_theorems


def test_the_workflow_keeps_the_order_of_scenarios() -> None:
    """The first is drawn; sorted by name, another one would be."""
    suite = Workflow(load_config(ROOT / "config" / "paper.yaml"))
    settings = TheorySettings.model_validate_json(suite.settings("theory"))
    assert list(settings.sample_complexity.scenarios)[:2] == ["theorem", "gamma"]
    assert list(settings.margins.worlds) == ["practice", "misspecified-practice"]
