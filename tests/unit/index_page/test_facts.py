import json
from pathlib import Path

import pytest

from hps_bench.config import Config, load_config
from hps_bench.grid import grid
from hps_bench.index_page.cost import RuleTime, rule_times
from hps_bench.index_page.facts import duration, facts
from hps_bench.records import write_json
from tests.cli.command import ROOT
from tests.unit.index_page.fabricated import DIALOGUE, small_config
from tests.unit.tables.fabricated import write_judgements, write_training


def found(config: Config, results: Path) -> dict[str, tuple[str, ...]]:
    return {fact.heading: fact.lines for fact in facts(config, results)}


def test_what_was_asked_for(tmp_path: Path) -> None:
    told = found(small_config(), tmp_path)
    assert set(told) == {"Experiments", "Data", "Models"}
    assert told["Experiments"] == (
        "fine-tuning: 16 cells, 2 seeds",
        "transfer: 4 cells, 1 seed",
    )
    assert told["Data"][1] == "toy-questions: toy world, questions, seed 0"
    assert told["Models"][0] == "policy: trained here (language-model, 3 steps, seed 0)"


def test_models_and_data_of_the_paper(tmp_path: Path) -> None:
    told = found(load_config(ROOT / "config" / "paper.yaml"), tmp_path)
    assert told["Data"][0] == "hh-rlhf: Anthropic/hh-rlhf at main"
    assert told["Models"][0] == "policy: RLHFlow/Llama3-SFT-v2.0-epoch3 at main, bfloat16"


def test_what_ran(tmp_path: Path) -> None:
    """Two runs of 360 s; the second starts an hour after the first and takes 90 s."""
    config = small_config()
    write_json(tmp_path / "prompts" / DIALOGUE / "summary.json", {"kept": {"test": 3, "train": 40}})
    write_judgements(tmp_path, DIALOGUE, [], judge="somebody")
    for place, cell in enumerate(grid(config)[:2]):
        write_training(tmp_path, cell, 0.1)
        manifest = {
            "started": 1_800_000_000 + 3600.0 * place,
            "wall_seconds": 90.0,
            "git_commit": "abc",
            "python": "3.11.7",
            "versions": {"torch": f"2.{place}"},
        }
        write_json(tmp_path / "policies" / cell.policy_path / "manifest.json", manifest)
    told = found(config, tmp_path)
    assert told["Data"][0] == "toy-dialogue: toy world, dialogue, seed 1; prompts: 3 test, 40 train"
    assert told["Judge"] == ("toy-dialogue: somebody, best of the samples",)
    assert told["Trained on"] == ("cpu × 1", "2 policies, 12 min 00 s of device time")
    assert told["Ran"] == ("2027-01-15 08:00 UTC to 2027-01-15 09:01 UTC",)
    assert told["Code"] == ("abc",)
    assert told["Versions"] == ("python 3.11.7, torch 2.0 and 2.1",)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (60, "1 min 00 s"),
        (250, "4 min 10 s"),
        (11_110, "3 h 05 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_time_by_rule(tmp_path: Path) -> None:
    measured: dict[str, list[dict[str, float | str]]] = {
        "train/a/b.jsonl": [{"s": 9.0}, {"s": 2.0}],
        "train/a/c.jsonl": [{"s": 4.0}],
        "index.jsonl": [{"s": 7}],
        "plan/x.jsonl": [{"s": "NA"}],
        "plan/empty.jsonl": [],
    }
    for path, lines in measured.items():
        file = tmp_path / "benchmarks" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert rule_times(tmp_path) == [RuleTime("index", 1, 7.0, 7.0), RuleTime("train", 2, 6.0, 4.0)]
