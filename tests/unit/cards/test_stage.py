"""When cards are written, and what they leave as it is."""

import json
from pathlib import Path

import pytest

from hps_bench.cards.settings import CardsJob
from hps_bench.cards.stage import write_cards
from hps_bench.config import load_config
from hps_bench.errors import UserError
from hps_bench.integrity import check_folder
from hps_bench.provenance import model_digests
from hps_bench.tables.settings import TableSettings
from hps_bench.workflow import Workflow
from tests.cli.command import TINY, complaint, hps_bench
from tests.unit.cards.fabricated import TOY, job, write_evaluated, write_policy, write_prompts
from tests.unit.tables.fabricated import PKU, cell, cells, write_evaluation

GRID = [*cells("dpo-hps", "dpo-bt", seeds=2), cell(evaluated_on=PKU)]
TOY_SETS = {"hh-rlhf": TOY, PKU: TOY}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Four policies, five evaluations and both data sets."""
    for one in GRID[:4]:
        write_policy(tmp_path, one)
    for one in GRID:
        write_evaluated(tmp_path, one, rm_dpo=[1.0, 2.0])
    for name in TOY_SETS:
        write_prompts(tmp_path, name)
    return tmp_path


def state(results: Path) -> dict[Path, tuple[int, int]]:
    """Inode and time of every file."""
    files = (path for path in results.rglob("*") if path.is_file())
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def changed(results: Path, grid: CardsJob) -> set[str]:
    """Folders, under the results, of the files that writing the cards again changes."""
    before = state(results)
    write_cards(grid, results)
    after = state(results)
    paths = {path for path in after if before.get(path) != after[path]}
    assert {path.name for path in paths} <= {"README.md", "README.md.sha256"}
    return {str(p.parent.relative_to(results)) for p in paths if p.name == "README.md"}


def test_all_cards_are_written_once(results: Path) -> None:
    grid = job(*GRID, datasets=TOY_SETS)
    assert write_cards(grid, results) == {"policies": 4, "datasets": 2, "written": 6}
    assert write_cards(grid, results) == {"policies": 4, "datasets": 2, "written": 0}


def test_cards_touch_cards_alone_and_only_those_whose_records_changed(results: Path) -> None:
    grid = job(*GRID, datasets=TOY_SETS)
    policies = {f"policies/{one.policy_path}" for one in GRID}
    assert changed(results, grid) == policies | {"prompts/hh-rlhf", "prompts/pku-saferlhf"}
    assert changed(results, grid) == set()
    write_evaluated(results, GRID[4], rm_dpo=[1.0, 3.0])
    assert changed(results, grid) == {f"policies/{GRID[0].policy_path}"}
    write_evaluation(results, GRID[0].baseline_path, reward_best=1.0)
    assert changed(results, grid) == policies
    statistics = TableSettings(level=0.9, resamples=10)
    assert changed(results, grid.model_copy(update={"statistics": statistics})) >= policies


def test_a_card_that_was_changed_by_others_is_written_again(results: Path) -> None:
    """Training again leaves PEFT's version of the card; a person may delete or edit it."""
    grid = job(*GRID, datasets=TOY_SETS)
    write_cards(grid, results)
    folders = [results / "policies" / one.policy_path for one in GRID[:3]]
    (folders[0] / "README.md").unlink()
    (folders[1] / "README.md").write_text("edited")
    write_policy(results, GRID[2])
    assert write_cards(grid, results)["written"] == 3
    assert "How to load it" in (folders[1] / "README.md").read_text()


def test_what_digests_protect_stays_as_it_was(results: Path) -> None:
    folder = results / "policies" / GRID[0].policy_path
    before = model_digests(str(folder))
    write_cards(job(*GRID, datasets=TOY_SETS), results)
    assert model_digests(str(folder)) == before != []
    check_folder(folder)


def test_a_record_that_is_damaged_is_one_line(results: Path) -> None:
    (results / "policies" / GRID[0].policy_path / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match=r"manifest\.json: damaged"):
        write_cards(job(*GRID, datasets=TOY_SETS), results)


def test_the_command_writes_what_it_says(tmp_path: Path) -> None:
    settings, output = tmp_path / "settings.json", tmp_path / "cards.json"
    suite = Workflow(load_config(TINY))
    settings.write_text(suite.settings("cards"))
    write_prompts(tmp_path, "toy-dialogue")
    options = ("--settings", settings, "--results", tmp_path, "--output", output)
    result = hps_bench("cards", *options)
    assert json.loads(result.stdout) == {"policies": 0, "datasets": 1, "written": 1}, result.stderr
    assert json.loads(output.read_text()) == {"policies": 0, "datasets": 1}
    settings.write_text("{}")
    assert "settings.json" in complaint(hps_bench("cards", *options))
