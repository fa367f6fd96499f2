"""Jobs against Snakemake's dry runs, and cells and files against the workflow's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from hps_bench.cost.workload import Workload
from hps_bench.errors import UserError
from tests.unit.cost.estimates import SHIPPED, shipped

TOY = {"prompts": 2, "tokenizer": 1, "language_model": 2}
WHOLE = {**TOY, "responses": 4, "reward_model": 2, "rewards": 4, "reference_test": 2}
CLUSTER = {"prompts": 2, "responses": 128, "rewards": 128, "reference_test": 2}
EVERYTHING = {
    **{"evaluate_baseline": 2, "paper_comparison": 1},
    **{"report": 1, "cards": 1, "index": 1, "track": 1},
}

DRY_RUNS: dict[tuple[str, str], dict[str, int]] = {
    ("paper", "all"): {
        **(CLUSTER | EVERYTHING),
        **{"plan": 72, "reference": 72, "train": 384, "samples": 9, "evaluate": 492},
        **{"trajectory": 36, "judge": 2, "table": 11, "figure": 8, "theory": 1, "study": 1},
    },
    ("paper", "tables"): {
        **(CLUSTER | {"evaluate_baseline": 2}),
        **{"plan": 36, "reference": 36, "train": 132, "samples": 7, "evaluate": 240},
        **{"trajectory": 24, "judge": 2, "table": 11, "study": 1},
    },
    ("paper", "table3"): {
        **(CLUSTER | {"evaluate_baseline": 2}),
        **{"plan": 6, "reference": 6, "train": 6, "evaluate": 6, "table": 1, "study": 1},
    },
    ("paper", "table5"): {
        **(CLUSTER | {"evaluate_baseline": 2}),
        **{"plan": 18, "reference": 18, "train": 90, "samples": 2, "evaluate": 90, "table": 1},
    },
    ("paper", "cost"): {
        **{"prompts": 2, "responses": 64, "rewards": 64},
        **{"plan": 18, "reference": 18, "train": 90, "table": 1},
    },
    ("official-code", "all"): {
        **(CLUSTER | EVERYTHING),
        **{"plan": 12, "reference": 12, "train": 12, "evaluate": 24},
        **{"table": 3, "figure": 4},
    },
    ("demo", "all"): {
        **(WHOLE | EVERYTHING),
        **{"plan": 26, "reference": 26, "train": 52, "evaluate": 60, "trajectory": 20},
        **{"judge": 2, "table": 11, "figure": 8, "theory": 1},
        **{"study": 1, "study_simulate": 1, "study_analyse": 1},
    },
    ("demo", "table3"): {
        **(WHOLE | {"evaluate_baseline": 2}),
        **{"plan": 6, "reference": 6, "train": 6, "evaluate": 6, "table": 1},
        **{"study": 1, "study_simulate": 1},
    },
    ("demo", "cost"): {
        **(TOY | {"responses": 2, "reward_model": 1, "rewards": 2}),
        **{"plan": 18, "reference": 18, "train": 42, "table": 1},
    },
    ("vllm-cpu", "all"): {
        **(WHOLE | EVERYTHING),
        **{"plan": 6, "reference": 6, "train": 6, "samples": 4, "evaluate": 12},
        **{"judge": 2, "table": 4, "figure": 3},
    },
    ("local-data", "all"): {
        **(WHOLE | EVERYTHING),
        **{"plan": 12, "reference": 12, "train": 24, "evaluate": 48},
        **{"table": 2, "figure": 3},
    },
}
"""What ``snakemake -n TARGET --configfile config/NAME.yaml`` counted without results."""


@pytest.mark.parametrize(("config", "target"), DRY_RUNS)
def test_jobs_are_those_of_the_dry_run(
    config: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = shipped(config)
    monkeypatch.chdir(tmp_path)
    assert Workload(suite, target).jobs == DRY_RUNS[config, target]


@pytest.mark.parametrize("config", SHIPPED)
def test_policies_and_evaluations_are_the_workflows_files(config: str) -> None:
    suite = shipped(config)
    workload = Workload(suite, "all")
    files = suite.policy_files(suite.grid)
    paths = [cell.policy_path for cell in workload.policies]
    assert [f"{suite.results}/policies/{path}/training.json" for path in paths] == files
    baselines = len(workload.evaluated_on)
    assert len(workload.evaluated) + baselines == len(suite.evaluation_files(suite.grid))


def test_policies_that_an_experiment_shares_are_trained_once() -> None:
    """Tables 6 and 7 of the paper: the same 8 policies on two test sets."""
    suite = shipped("paper")
    responses, transfer = (Workload(suite, table) for table in ("table6", "table7"))
    paths = {cell.policy_path for cell in responses.policies}
    assert paths == {cell.policy_path for cell in transfer.policies}
    assert len(paths) == 24


def test_batches_are_sampled_together_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = shipped("vllm-cpu")
    monkeypatch.chdir(tmp_path)
    workload = Workload(suite, "all")
    assert [len(batch.cells) for batch in workload.batches] == [3, 3, 3, 3]
    assert workload.sampled_together == frozenset(workload.evaluated)


def test_evaluations_sample_alone_without_vllm() -> None:
    assert Workload(shipped("demo"), "all").batches == []


def test_kto_needs_mismatched_pairs() -> None:
    workload = Workload(shipped("demo"), "all")
    assert not any(map(workload.needs_mismatched, workload.plans))


def test_unknown_target_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^--target: no target 'tabel2'; did you mean 'table2'\?$"):
        Workload(shipped("demo"), "tabel2")
