from pathlib import Path
from typing import Any

import pytest

from hps_bench.config import Config
from hps_bench.index_page import samples
from hps_bench.index_page.samples import LONGEST_TEXT, shown_samples, shown_text
from tests.unit.index_page.fabricated import (
    DIALOGUE,
    prompt_row,
    sample,
    small_config,
    write_prompts,
    write_samples,
)
from tests.unit.judge.fabricated import judgement
from tests.unit.tables.fabricated import write_judgements

HPS = f"{DIALOGUE}/dpo-hps/n4-b0.1-s0"


@pytest.fixture
def config() -> Config:
    return small_config()


def responses(results: Path, config: Config) -> dict[tuple[str, str], Any]:
    """Responses on the first test set, by title of the policy and text of the prompt."""
    (found,) = shown_samples(config, results)
    return {
        (found["policies"][given["policy"]]["title"], prompt["turns"][-1]["content"]): given
        for prompt in found["prompts"]
        for given in prompt["responses"]
    }


def test_the_first_sample_and_the_best_one(tmp_path: Path, config: Config) -> None:
    write_prompts(tmp_path, DIALOGUE, [prompt_row("p", "question")])
    rows = [sample("p", k, f"text {k}", reward) for k, reward in enumerate((0.5, 0.123456, 2.0))]
    write_samples(tmp_path, f"{DIALOGUE}/sft", rows)
    first, best = responses(tmp_path, config)["SFT model", "question"]["samples"]
    assert (first["text"], first["scores"]) == ("text 0", [["reward", 0.5]])
    assert (best["text"], best["number"], best["of"]) == ("text 2", 3, 3)


def test_a_first_sample_that_is_the_best_is_there_once(tmp_path: Path, config: Config) -> None:
    write_prompts(tmp_path, DIALOGUE, [prompt_row("p", "question")])
    write_samples(tmp_path, f"{DIALOGUE}/sft", [sample("p", 0, "a", 1.0), sample("p", 1, "b", 0.0)])
    given = responses(tmp_path, config)["SFT model", "question"]
    assert ([shown["text"] for shown in given["samples"]], given["best"]) == (["a"], 0)


def test_what_else_is_known_of_a_sample(tmp_path: Path, config: Config) -> None:
    write_prompts(tmp_path, DIALOGUE, [prompt_row("p", "question")])
    row = sample("p", 0, "a", 1.0, true_reward=-2.5, harmful=1.0)
    write_samples(tmp_path, f"{DIALOGUE}/{HPS}", [row])
    scores = [
        judgement(HPS, "p", 3.5),
        judgement(HPS, "p", 1.0, repeat=1),
        judgement("sft", "p", 2),
    ]
    write_judgements(tmp_path, DIALOGUE, scores)
    (shown,) = responses(tmp_path, config)["DPO-HPS", "question"]["samples"]
    assert shown["scores"] == [["reward", 1.0], ["true reward", -2.5], ["judge", 3.5]]
    assert shown["harmful"] is True


def test_a_policy_carries_its_axes_and_the_reference_model_none(
    tmp_path: Path, config: Config
) -> None:
    write_prompts(tmp_path, DIALOGUE, [prompt_row("p", "question")])
    for path in ("sft", "toy-questions/dpo-hps/n4-b0.1-s0"):
        write_samples(tmp_path, f"{DIALOGUE}/{path}", [sample("p", 0, "a", 1.0)])
    (found,) = shown_samples(config, tmp_path)
    assert found["policies"] == [
        {"title": "SFT model"},
        {
            "title": "DPO-HPS",
            "trained": "toy-questions",
            "reward": "dpo",
            "method": "hps",
            "responses": "4",
            "beta": "0.1",
            "seed": "0",
        },
    ]


def test_the_first_prompts_in_the_order_of_the_test_set(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MOST_PROMPTS", 2)
    names = ("b", "a", "c")
    write_prompts(tmp_path, DIALOGUE, [prompt_row(name, name) for name in sorted(names)])
    write_samples(tmp_path, f"{DIALOGUE}/sft", [sample(name, 0, name, 1.0) for name in names])
    (found,) = shown_samples(config, tmp_path)
    assert [prompt["turns"][0]["content"] for prompt in found["prompts"]] == ["b", "a"]


@pytest.mark.parametrize(("budget", "prompts"), [(0, 1), (9, 1), (10, 2), (14, 2), (15, 3)])
def test_prompts_stay_within_the_budget(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch, budget: int, prompts: int
) -> None:
    """Each prompt has one response of five characters; half of the budget is for each set."""
    monkeypatch.setattr(samples, "MOST_CHARACTERS", 2 * budget)
    write_prompts(tmp_path, DIALOGUE, [prompt_row(name, name) for name in "abc"])
    write_samples(tmp_path, f"{DIALOGUE}/sft", [sample(name, 0, "12345", 1.0) for name in "abc"])
    (found,) = shown_samples(config, tmp_path)
    assert len(found["prompts"]) == prompts


def test_no_samples(tmp_path: Path, config: Config) -> None:
    assert shown_samples(config, tmp_path) == []


def test_lines_stay_and_what_does_not_show_becomes_visible() -> None:
    assert shown_text("a\tb\n\u202ec\n\nd\ud800") == "a b\nU+202Ec\n\ndU+D800"


def test_the_end_of_a_long_text_is_counted() -> None:
    assert shown_text("x" * (LONGEST_TEXT + 7)) == "x" * LONGEST_TEXT + " … (7 more characters)"
