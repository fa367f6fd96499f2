"""Configs that run code, blow up, or name files elsewhere: one line, and quickly."""

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hps_bench.config import Config, load_config, parse_config
from hps_bench.errors import UserError
from hps_bench.judge.settings import RemoteModel
from hps_bench.models.settings import ModelSource
from hps_bench.yaml_file import MOST_VALUES, read_yaml
from tests.unit.hostile.texts import HOSTILE, hostile_text
from tests.unit.test_config import of_experiment, values

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ELSEWHERE = ("../../x", "/etc/x", "..", ".", "", "a/b", "a\x00b", "a\n", "A", "a_b", "x" * 65)


def refused(path: Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        load_config(path)
    assert time.monotonic() - start < 5
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def aliases_of_aliases(levels: int, template: str) -> str:
    """Each level holds the one before nine times."""
    lines = ["a: &a {x: 1}"]
    for level in range(levels):
        name, before = chr(ord("b") + level), chr(ord("a") + level)
        many = ", ".join([f"*{before}"] * 9)
        lines.append(f"{name}: &{name} {template.format(many)}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "tag",
    [
        '!!python/object/apply:os.system ["touch written"]',
        "!!python/object/new:os.system [touch written]",
        "!!python/name:os.system",
        "!!python/module:antigravity",
    ],
)
def test_python_tags_are_no_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(tmp_path / "bad.yaml", f"name: {tag}\n")
    assert line.startswith("not a YAML file (could not determine a constructor for the tag")
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    "text",
    [
        "seeds: " + "1" * 5000,
        "name: 2024-99-99",
        "name: !!float x",
        "name: !!bool x",
        "name: !!timestamp x",
        "? [a]\n: b",
        "[" * 100_000,
        "{a: " * 100_000,
        "\x00",
        "k" * 10**6 + ": 1",
        "name: *nothing",
    ],
    ids=lambda text: repr(text)[:20],
)
def test_what_no_parser_takes(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path / "bad.yaml", text).startswith("not a YAML file (")


@pytest.mark.parametrize(
    "text",
    [
        aliases_of_aliases(12, "[{}]"),
        aliases_of_aliases(12, "{{<<: [{}]}}"),
        "a: &a [*a]",
        "a: &a {b: *a}",
    ],
    ids=["lists", "merges", "a list in itself", "a mapping in itself"],
)
def test_vast_values_are_refused_before_they_are_made(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    start = time.monotonic()
    with pytest.raises(UserError, match=f"more than {MOST_VALUES} values, aliases written out"):
        read_yaml(tmp_path / "bad.yaml")
    assert time.monotonic() - start < 5


def test_aliases_as_people_use_them_are_fine(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("a: &a {x: [1, 2]}\nb: {<<: *a, y: *a}\n")
    assert read_yaml(tmp_path / "good.yaml") == {
        "a": {"x": [1, 2]},
        "b": {"x": [1, 2], "y": {"x": [1, 2]}},
    }


def test_a_vast_value_of_another_reader_is_told_in_little() -> None:
    """Snakemake reads configs by itself."""
    text = aliases_of_aliases(12, "[{}]") + "\nname: *m\n"
    vast = yaml.safe_load(text)["name"]
    start = time.monotonic()
    with pytest.raises(UserError, match=r"name: input should be a valid string, not \[\[") as error:
        parse_config(values(name=vast), "mine.yaml")
    assert len(str(error.value)) < 400
    assert time.monotonic() - start < 5


def named(**parts: Any) -> dict[str, Any]:
    """The tiny config with one of its names in another form."""
    given_values = values()
    for part, name in parts.items():
        if part == "name":
            given_values["name"] = name
        elif part == "dataset":
            given_values["datasets"] = {name: given_values["datasets"]["toy-dialogue"]}
            given_values |= of_experiment(datasets=[name])
        elif part == "method":
            given_values["methods"] = {name: {"kind": "pl", "list_size": 3}}
            given_values |= of_experiment(methods=[name])
        elif part == "reward":
            given_values["losses"] = {name: {"file": "loss.py"}}
            given_values |= of_experiment(rewards=[name])
        elif part == "experiment":
            given_values["experiments"] = {name: given_values["experiments"]["fine-tuning"]}
            given_values["tables"] = {"table2": [name]}
        else:
            given_values["tables"] = {name: ["fine-tuning"]}
    return given_values


PARTS = ("name", "dataset", "method", "reward", "experiment", "table")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", [*ELSEWHERE, *HOSTILE], ids=repr)
def test_no_name_of_a_config_leads_elsewhere(part: str, name: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_config(named(**{part: name}), "mine.yaml")
    assert str(caught.value).startswith("mine.yaml: ")


@pytest.mark.parametrize("part", [part for part in PARTS if part not in ("reward", "table")])
def test_plain_names_are_fine(part: str) -> None:
    assert isinstance(parse_config(named(**{part: "a-b2"}), "mine.yaml"), Config)


places = st.sampled_from(
    ["name", "datasets", "models__policy", "experiments", "tables", "losses", "judge", "engine"]
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | hostile_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile_text, inner, max_size=3),
    max_leaves=8,
)


@given(places, trees)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_at_any_place_is_taken_or_told_in_one_line(place: str, tree: Any) -> None:
    try:
        told = parse_config(values(**{place: tree}), "mine.yaml").name
    except UserError as error:
        told = str(error)
    assert told.isprintable()
    assert told.startswith(("mine.yaml: ", "tiny"))


@pytest.mark.parametrize(
    "revision", [None, "main", "v1.0", COMMIT[:39], COMMIT.upper(), f"{COMMIT}\n"]
)
@pytest.mark.parametrize("path", ["owner/model", "x" * 5000, "a\x00b"], ids=["hub", "long", "nul"])
def test_code_of_a_remote_model_needs_a_commit(path: str, revision: str | None) -> None:
    model = {"path": path, "revision": revision, "remote_code": True}
    with pytest.raises(UserError, match="remote_code needs a revision of 40 hexadecimal digits"):
        parse_config(values(models__generator=model), "mine.yaml")


def test_code_of_a_pinned_or_local_model_may_run(tmp_path: Path) -> None:
    assert ModelSource(path="owner/model", revision=COMMIT, remote_code=True).remote_code
    assert ModelSource(path=str(tmp_path), remote_code=True).remote_code
    assert not ModelSource(path="owner/model").remote_code


@pytest.mark.parametrize(
    ("field", "secret"),
    [
        ("base_url", "http://anna:canary-password@host/v1"),
        ("base_url", "http://canary-password@host/v1"),
        ("api_key_env", "sk-canary-password"),
    ],
)
def test_a_secret_in_the_judges_settings_is_refused_and_not_told(field: str, secret: str) -> None:
    fields = {"base_url": "http://host/v1", "model": "m", field: secret}
    with pytest.raises(UserError, match=rf"judge\.url\.{field}: ") as caught:
        RemoteModel.model_validate(fields)
    assert "canary" not in str(caught.value)
    judge = {"backend": "url", "url": fields}
    with pytest.raises(UserError) as caught:
        parse_config(values(judge=judge), "mine.yaml")
    assert "canary" not in str(caught.value)
