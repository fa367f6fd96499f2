"""The rules as text: each says what it is, keeps a log and a benchmark, and names its command."""

import re

import pytest

from tests.cli.command import ROOT

RULE_FILES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
TARGETS = {"tables", "figures", "policies", "trajectories"}
WITHOUT_SETTINGS = {"settings", "track", "samples_ready"}


def rules() -> dict[str, str]:
    """Text of every rule that makes something, by name."""
    found: dict[str, str] = {}
    for path in RULE_FILES:
        heads = re.split(r"^rule (\w+):\n", path.read_text(), flags=re.M)[1:]
        found |= dict(zip(heads[::2], heads[1::2], strict=True))
    return {name: text for name, text in found.items() if name not in TARGETS}


def test_rules_are_found() -> None:
    assert len(RULE_FILES) >= 12
    assert {"prompts", "train", "evaluate", "evaluate_baseline", "table", "track"} <= set(rules())
    assert len(rules()) >= 14


@pytest.mark.parametrize("name", rules())
def test_rule_has_all_that_it_owes(name: str) -> None:
    text = rules()[name]
    assert re.match(r'    """[A-Z].*\."""\n', text)
    for directive in ("output", "log", "benchmark", "conda", "shell"):
        assert f"\n    {directive}:" in text, directive
    assert not re.search(r"^    (run|script|message):", text, re.M)


@pytest.mark.parametrize("name", sorted(set(rules()) - WITHOUT_SETTINGS))
def test_rule_reruns_when_its_settings_or_its_code_change(name: str) -> None:
    text = rules()[name]
    assert 'settings="<results>/settings/' in text
    assert re.search(r"code=(lambda wildcards: )?suite\.(train_)?code\(", text)
    assert "--settings {input.settings:q}" in text


@pytest.mark.parametrize("name", rules())
def test_rule_is_short(name: str) -> None:
    assert len(rules()[name].rstrip().splitlines()) <= 55


def test_conda_environment_is_there() -> None:
    named = {path for text in rules().values() for path in re.findall(r'"\.\./(envs/.*)"', text)}
    assert named == {"envs/hps-bench.yaml"}
    assert (ROOT / "workflow" / named.pop()).is_file()
