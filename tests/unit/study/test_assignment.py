"""The files of the assignment and the key."""

import json
import stat
from pathlib import Path

import pytest

from hps_bench.errors import UserError
from hps_bench.study.assignment import (
    Item,
    Packet,
    ShownResponse,
    Task,
    Turn,
    make_assignment,
    read_assignment,
    write_assignment,
)
from hps_bench.study.key import Author, Key, read_key, write_key
from tests.unit.study.small import small_study

AUTHOR = Author(
    policy="dpo-hps",
    item="i1",
    dataset="toy",
    prompt_id="p",
    sample_index=0,
    stratum="harmful",
    reward=0.5,
    true_reward=None,
    harmful=1.0,
)


def test_digest_is_that_of_the_canonical_json() -> None:
    """The digest below is sha256sum's, of the JSON with sorted keys and no spaces."""
    shown = [ShownResponse(response="r1", text="Naïve.")]
    item = Item(item="i1", prompt=[Turn(role="user", content="Why?")], responses=shown)
    packet = Packet(rater="rater-01", tasks=[Task(item="i1", responses=["r1"])])
    made = make_assignment("s", 3, ["toy"], [item], [packet])
    assert made.digest == "ef9c76621509f130d1c760a89cec634c087d6104b4394e9e383ba61dc51baf11"


def test_assignment_survives_its_file(tmp_path: Path) -> None:
    write_assignment(tmp_path / "assignment.json", small_study())
    assert read_assignment(tmp_path / "assignment.json") == small_study()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"Because."', '"No."', "the digest is not that of the content"),
        ('"i2-b",', '"i1-b",', "digest"),
        ('"study": "small"', '"study": 7', "study: input should be a valid string"),
        ('"seed": 0', '"seed": 0, "policy": "sft"', "policy: unknown key"),
    ],
)
def test_changed_file_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    text = json.dumps(small_study().model_dump(), indent=1)
    assert old in text
    path = tmp_path / "assignment.json"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=reason) as caught:
        read_assignment(path)
    assert str(path) in str(caught.value)


def test_task_of_other_responses_is_refused() -> None:
    made = small_study()
    task = Task(item="i1", responses=["i1-a", "i1-a"])
    with pytest.raises(ValueError, match="exactly the responses of its item"):
        make_assignment("s", 0, [], made.items, [Packet(rater="r", tasks=[task])])


def test_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    key = Key(study="s", digest="d" * 64, policies=["dpo-hps"], responses={"r1": AUTHOR})
    write_key(path, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path, "d" * 64) == key


def test_key_of_another_assignment_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    write_key(path, Key(study="s", digest="d" * 64, policies=[], responses={}))
    with pytest.raises(UserError, match="belongs to assignment dddddddddddd, not eeeeeeeeeeee"):
        read_key(path, "e" * 64)
