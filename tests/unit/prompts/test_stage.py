import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hps_bench.errors import UserError
from hps_bench.prompts.settings import DatasetSettings
from hps_bench.prompts.splitting import opener_key, prompt_id
from hps_bench.prompts.stage import build_prompts
from hps_bench.records import read_json, read_rows
from hps_bench.schemas import PROMPTS
from tests.unit.prompts.builders import hh_row, messages, write_jsonl

MANY = [hh_row(f"Question {i}?", "Well,", f"Turn {i % 7}") for i in range(200)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HPS_BENCH_DATA", str(tmp_path))
    return tmp_path


def settings(files: Any = ("*.jsonl",), **given: Any) -> DatasetSettings:
    files = list(files) if isinstance(files, tuple) else files
    return DatasetSettings(**{"format": "hh-rlhf", "source": {"files": files}, **given})


def built(folder: Path, given: DatasetSettings) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    output = folder / "out"
    summary = build_prompts(given, output)
    assert read_json(output / "summary.json") == summary
    return list(read_rows(output / "prompts.parquet", PROMPTS)), summary


def left_out(summary: dict[str, Any]) -> int:
    dropped = ("over_long", "leaking", "duplicates", "further_pairs")
    counts: list[int] = [found["rows"] for found in summary["malformed"].values()]
    counts += summary["over_limit"].values()
    counts += [summary[reason] for reason in dropped]
    return sum(counts)


def test_a_row_of_each_fate_by_hand(folder: Path) -> None:
    rows = [
        hh_row("One?"),
        hh_row("One?"),
        hh_row("One?", chosen="Better."),
        hh_row("One?", rejected=" Bad. "),
        hh_row("Two?", "Hm.", "Say!"),
        hh_row("Two?", chosen="Same.", rejected="Same."),
        {"chosen": "no turns", "rejected": "no turns"},
        hh_row("A prompt of 33 characters in all."),
        hh_row("Leaks?", "Yes.", "So?"),
    ]
    write_jsonl(folder / "train.jsonl", rows)
    write_jsonl(folder / "test.jsonl", [hh_row("LEAKS? ")])
    given = settings(
        {"train": ["train.jsonl"], "test": ["test.jsonl"]},
        strict=False,
        validation_fraction=0,
        max_prompt_characters=32,
    )
    prompts, summary = built(folder, given)
    assert prompts == [
        {
            "prompt_id": prompt_id(messages(*turns)),
            "split": split,
            "messages": [{"role": turn.role, "content": turn.content} for turn in messages(*turns)],
            "chosen": "Good.",
            "rejected": "Bad.",
            "harmful": None,
            "location": location,
        }
        for turns, split, location in [
            (["LEAKS?"], "test", "test.jsonl:1"),
            (["One?"], "train", "train.jsonl:1"),
            (["Two?", "Hm.", "Say!"], "train", "train.jsonl:5"),
        ]
    ]
    assert summary == {
        "rows_read": 10,
        "malformed": {
            "the two responses are equal": {"rows": 1, "first": ["train.jsonl:6"]},
            "a dialogue does not begin with a turn": {"rows": 1, "first": ["train.jsonl:7"]},
        },
        "over_long": 1,
        "leaking": 1,
        "duplicates": 2,
        "further_pairs": 1,
        "over_limit": {"train": 0, "validation": 0, "test": 0},
        "limits": {"train": None, "validation": None, "test": None},
        "kept": {"train": 2, "validation": 0, "test": 1},
    }


def test_length_counts_the_characters_of_all_turns(folder: Path) -> None:
    write_jsonl(folder / "train.jsonl", [hh_row("1234", "56", "78"), hh_row("Ünïcödé")])
    write_jsonl(folder / "test.jsonl", [hh_row("T")])
    files = {"train": ["train.jsonl"], "test": ["test.jsonl"]}
    kept = {
        longest: built(folder, settings(files, max_prompt_characters=longest))[1]["over_long"]
        for longest in (7, 8)
    }
    assert kept == {7: 1, 8: 0}


def test_the_source_s_validation_split_keeps_its_openers_too(folder: Path) -> None:
    for name, openers in {"train": "abc", "validation": "bc", "test": "c"}.items():
        write_jsonl(folder / f"{name}.jsonl", [hh_row(opener) for opener in openers])
    files = {name: [f"{name}.jsonl"] for name in ("train", "validation", "test")}
    prompts, summary = built(folder, settings(files))
    found = {prompt["messages"][0]["content"]: prompt["split"] for prompt in prompts}
    assert found == {"a": "train", "b": "validation", "c": "test"}
    assert summary["leaking"] == 3


def test_strict_stops_at_the_first_malformed_row(folder: Path) -> None:
    write_jsonl(folder / "x.jsonl", [*MANY, hh_row("", chosen="a"), {}])
    with pytest.raises(UserError) as caught:
        build_prompts(settings(), folder / "out")
    assert str(caught.value) == (
        "x.jsonl:201: a turn of the prompt is empty; set strict: false to count and skip such rows"
    )
    assert not (folder / "out").exists()


def test_malformed_rows_are_counted_and_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jsonl(folder / "x.jsonl", [*MANY, *[{"chosen": ""}] * 7, hh_row("A", chosen="")])
    _, summary = built(folder, settings(strict=False))
    first = [f"x.jsonl:{line}" for line in range(201, 206)]
    assert summary["malformed"] == {
        "a dialogue does not begin with a turn": {"rows": 7, "first": first},
        "the chosen response is empty": {"rows": 1, "first": ["x.jsonl:208"]},
    }
    assert capsys.readouterr().err.splitlines() == [
        "warning: rows skipped: 7, as a dialogue does not begin with a turn; "
        "the first is x.jsonl:201",
        "warning: rows skipped: 1, as the chosen response is empty; the first is x.jsonl:208",
    ]


def test_text_that_no_file_can_hold_is_malformed(folder: Path) -> None:
    write_jsonl(folder / "x.jsonl", [*MANY, hh_row("half \ud83d")])
    _, summary = built(folder, settings(strict=False))
    assert list(summary["malformed"]) == ["column 'chosen' holds a lone surrogate"]


@pytest.mark.parametrize(
    ("train", "test", "empty"),
    [([], [], "train and test"), ([hh_row("A")], [], "test"), ([], [hh_row("A")], "train")],
)
def test_empty_splits_are_refused(
    folder: Path, train: list[Any], test: list[Any], empty: str
) -> None:
    write_jsonl(folder / "train.jsonl", train)
    write_jsonl(folder / "test.jsonl", test)
    files = {"train": ["train.jsonl"], "test": ["test.jsonl"]}
    with pytest.raises(UserError, match=f"^no prompts are left for {empty}: rows read") as caught:
        build_prompts(settings(files, validation_fraction=0), folder / "out")
    assert "\n" not in str(caught.value)
    assert not (folder / "out").exists()


def test_rows_of_another_format_leave_nothing(folder: Path) -> None:
    write_jsonl(folder / "x.jsonl", MANY)
    given = settings(format="pku-saferlhf", strict=False)
    with pytest.raises(UserError, match="rows read 200, left out: malformed 200, over_long 0"):
        build_prompts(given, folder / "out")


openers = st.sampled_from(["Hi", "hi ", "HI", "Why?", "Tell me", "tell  me", "x", "y", "z"])
turns = st.tuples(openers) | st.tuples(openers, st.sampled_from("ab"), st.sampled_from("cd"))
answers = st.sampled_from("pqr")
rows_of_dialogues = st.lists(
    st.builds(lambda prompt, chosen: hh_row(*prompt, chosen=chosen), turns, answers),
    min_size=1,
    max_size=30,
)


@given(train=rows_of_dialogues, test=rows_of_dialogues, own_test=st.booleans())
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_opener_is_in_two_splits(
    folder: Path, train: list[dict[str, str]], test: list[dict[str, str]], own_test: bool
) -> None:
    # Two openers that are in the right splits by any hash, so that neither split is empty.
    write_jsonl(folder / "a.jsonl", [*MANY, *train])
    write_jsonl(folder / "b.jsonl", [*test, hh_row("only in test")])
    files: Any = {"train": ["a.jsonl"], "test": ["b.jsonl"]} if own_test else ["a.jsonl", "b.jsonl"]
    prompts, summary = built(folder, settings(files, validation_fraction=0.3, test_fraction=0.4))
    splits: dict[bytes, set[str]] = {}
    for prompt in prompts:
        opener = opener_key(messages(prompt["messages"][0]["content"]))
        splits.setdefault(opener, set()).add(prompt["split"])
    assert all(len(found) == 1 for found in splits.values())
    assert len({prompt["prompt_id"] for prompt in prompts}) == len(prompts)
    assert summary["rows_read"] == 201 + len(train) + len(test)
    assert left_out(summary) + sum(summary["kept"].values()) == summary["rows_read"]
    assert Counter(prompt["split"] for prompt in prompts) == Counter(
        {split: kept for split, kept in summary["kept"].items() if kept}
    )


def test_the_order_of_rows_does_not_matter(folder: Path) -> None:
    limits = {"train_limit": 50, "test_limit": 9, "validation_limit": 5}

    def contents(rows: list[dict[str, str]]) -> list[Any]:
        write_jsonl(folder / "x.jsonl", rows)
        prompts, _ = built(folder, settings(**limits))
        kept = [{**prompt, "location": ""} for prompt in prompts]
        return sorted(kept, key=lambda prompt: prompt["prompt_id"])

    shuffled = random.Random(0).sample(MANY, len(MANY))
    assert shuffled != MANY
    assert contents(shuffled) == contents(MANY)


def test_limits_are_nested_and_leave_other_splits_alone(folder: Path) -> None:
    write_jsonl(folder / "x.jsonl", MANY)

    def ids(**limits: int) -> dict[str, set[str]]:
        prompts, summary = built(folder, settings(**limits))
        assert left_out(summary) == 200 - len(prompts)
        found: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set()}
        for prompt in prompts:
            found[prompt["split"]].add(prompt["prompt_id"])
        return found

    whole, large, small = ids(), ids(train_limit=60), ids(train_limit=20)
    assert (len(large["train"]), len(small["train"])) == (60, 20)
    assert small["train"] < large["train"] < whole["train"]
    assert small["train"] == set(sorted(whole["train"])[:20])
    assert small["test"] == whole["test"]
    assert small["validation"] == whole["validation"]
    assert ids(test_limit=10_000) == whole


def test_a_limit_takes_rows_from_everywhere_in_the_file(folder: Path) -> None:
    write_jsonl(folder / "x.jsonl", MANY)
    prompts, _ = built(folder, settings(train_limit=40))
    lines = [int(p["location"].split(":")[1]) for p in prompts if p["split"] == "train"]
    # The mean line of 40 random ones of 200 has a standard deviation of 8.2 about 100.5.
    assert sum(lines) / 40 == pytest.approx(100.5, abs=33)


def test_the_same_settings_give_the_same_file(folder: Path) -> None:
    write_jsonl(folder / "x.jsonl", MANY)
    given = settings(train_limit=30)
    for name in ("first", "second"):
        build_prompts(given, folder / name)
    for file in ("prompts.parquet", "summary.json"):
        assert (folder / "first" / file).read_bytes() == (folder / "second" / file).read_bytes()


def test_labels_of_pku_saferlhf(folder: Path) -> None:
    rows = [
        {
            "prompt": f"Question {i}?",
            "response_0": "zero",
            "response_1": "one",
            "better_response_id": i % 2,
            "safer_response_id": 1 - i % 2,
        }
        for i in range(100)
    ]
    (folder / "x.json").write_text(json.dumps(rows), encoding="utf-8")
    for preference, even in (("better", "zero"), ("safer", "one")):
        given = settings(("x.json",), format="pku-saferlhf", preference=preference)
        prompts, _ = built(folder, given)
        assert len(prompts) == 100
        numbers = {int(p["location"].split(":")[1]) - 1: p["chosen"] for p in prompts}
        assert all((chosen == even) == (number % 2 == 0) for number, chosen in numbers.items())


@pytest.mark.parametrize("kind", ["dialogue", "questions"])
def test_the_toy_world(folder: Path, kind: str) -> None:
    given = DatasetSettings(format="toy", source={"toy": kind, "pairs": 200, "seed": 1})
    prompts, summary = built(folder, given)
    assert summary["rows_read"] == 200
    assert left_out(summary) + len(prompts) == 200
    assert all(prompt["location"].startswith(f"toy:{kind}:") for prompt in prompts)
    assert all(prompt["messages"][-1]["role"] == "user" for prompt in prompts)


def test_the_stage_imports_no_model_library() -> None:
    heavy = ["torch", "transformers", "mlflow", "datasets"]
    code = f"import sys, hps_bench.prompts.stage; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_no_bar_is_drawn_where_stderr_is_no_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jsonl(folder / "x.jsonl", MANY)
    build_prompts(settings(), folder / "out")
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
