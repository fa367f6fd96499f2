"""Configs that are wrong, as ``hps-bench check`` meets them; and what it says of right ones."""

from pathlib import Path

import pytest

from tests.cli.command import ROOT, TINY, complaint, hps_bench


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (
            "rewards: [dpo, sppo]",
            "rewads: [dpo, sppo]",
            "experiments.fine-tuning.rewads: unknown key; did you mean 'rewards'? (and 1 more)",
        ),
        (
            "  learning_rate: 1e-3\n  batch_size: 2",
            "  lr: 1e-3",
            "training.lr: unknown key; did you mean 'learning_rate'?",
        ),
        (
            "rewards: [dpo, sppo]",
            "rewards: [dop]",
            "experiments.fine-tuning.rewards: unknown reward 'dop'; did you mean 'dpo'?",
        ),
        (
            "methods: [hps]",
            "methods: [hsp]",
            "experiments.fine-tuning.methods: unknown method 'hsp'; did you mean 'hps'?",
        ),
        (
            "datasets: [toy-dialogue]",
            "datasets: [toy-dialog]",
            "experiments.fine-tuning.datasets: unknown data set 'toy-dialog'; "
            "did you mean 'toy-dialogue'?",
        ),
        (
            "table2: [",
            "tabel2: [",
            "tables.tabel2: unknown table 'tabel2'; did you mean 'table2'?",
        ),
        (
            "responses: [4]",
            "responses: [20]",
            "experiments.fine-tuning.responses: n = 20 does not fit the pool of 4 samples per "
            "prompt; choose 2 or more, or raise responses.samples",
        ),
    ],
)
def test_wrong_key_or_name_is_one_line(
    tmp_path: Path, right: str, wrong: str, expected: str
) -> None:
    text = TINY.read_text()
    assert right in text
    config = tmp_path / "mine.yaml"
    config.write_text(text.replace(right, wrong))
    assert complaint(hps_bench("check", config)) == f"{config}: {expected}"


def test_missing_config() -> None:
    line = complaint(hps_bench("check", "config/dmeo.yaml"))
    assert line == "config/dmeo.yaml: no such config; presets are in config/"


def test_config_that_is_not_yaml_names_line_and_column(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("name: mine\ndatasets: [toy\nmodels: x\n")
    line = complaint(hps_bench("check", config))
    assert line.startswith(f"{config}: not a YAML file (")
    assert "line 3, column 7" in line


def test_cells_and_policies_are_counted() -> None:
    result = hps_bench("check", TINY)
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "fine-tuning: 2 cells",
        "together: 2 cells, 2 policies to train",
    ]


def test_demo_counts_shared_cells_once() -> None:
    """By hand: 5·3·2 = 30; two more seeds of 3·2 = 12; transfer 6, of policies counted already.

    Responses adds n = 5 for bt and hps: 2, and their transfer 2 + 2 of which n = 20 is in
    ``transfer``: 2; β = 0.5 adds 2; hps-corrected 2·3 = 6. Cells 30 + 12 + 6 + 2 + 2 + 2 + 6,
    policies 30 + 12 + 2 + 2 + 6.
    """
    lines = hps_bench("check", ROOT / "config" / "demo.yaml").stdout.splitlines()
    assert lines[-1] == "together: 60 cells, 52 policies to train"


def test_losses_are_listed_with_their_settings() -> None:
    lines = {line.split()[0]: line for line in hps_bench("losses").stdout.splitlines()}
    assert "comparison+ranking" in lines["dpo"]
    assert "arXiv:2305.18290" in lines["dpo"]
    assert "ranking" not in lines["kto"]
    assert "label_smoothing=0.001" in lines["exo"]
