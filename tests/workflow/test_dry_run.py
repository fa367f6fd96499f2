"""What Snakemake would do, in a copy of the repository without results."""

import re
import shutil

import pytest
import yaml

from hps_bench.tracking.files import RunState, write_state
from hps_bench.tracking.process import this_process
from tests.workflow.repository import TINY, Repository, job_counts

MODELS = {"tokenizer": 1, "language_model": 2, "reward_model": 2}


def test_demo_in_full(repository: Repository) -> None:
    """60 cells of 52 policies on two data sets, by hand in the tests of ``check``.

    Plans: n = 20 of four methods on two data sets at seeds 0, 1, 2 is 24, and n = 5 of bt and
    hps on one is 2. Trajectories: of three methods 18, and of n = 5 the same 2.
    """
    result = repository.snakemake("-n")
    assert result.returncode == 0, result.stderr
    jobs = job_counts(result)
    assert "Traceback" not in result.stderr
    expected = {"train": 52, "evaluate": 60, "evaluate_baseline": 2, "plan": 26, "reference": 26}
    expected["trajectory"] = 20
    data = {"prompts": 2, "responses": 4, "rewards": 4, "reference_test": 2, "track": 1, "all": 1}
    assert {name: jobs[name] for name in expected | data | MODELS} == expected | data | MODELS


def test_table_asks_for_its_own_cells_only(repository: Repository) -> None:
    """Table 6 of the demo: dpo × (bt, hps) × one data set × n of 5 and 20: four cells.

    Test samples are taken and scored once; training's once. Settings: 2 prompts, tokenizer,
    4 models, 2 responses, rewards, 2 plans, reference, 2 trainings, evaluation, table.
    """
    jobs = repository.planned("table6")
    assert jobs == MODELS | {
        "prompts": 2,
        "responses": 2,
        "rewards": 2,
        "plan": 4,
        "reference": 4,
        "reference_test": 1,
        "train": 4,
        "evaluate": 4,
        "evaluate_baseline": 1,
        "table": 1,
        "settings": 17,
        "table6": 1,
    }


def test_one_policy(repository: Repository) -> None:
    path = "results/demo/policies/toy-dialogue/nca-bt/n20-b0.1-s0/training.json"
    jobs = repository.planned(path)
    assert (jobs["train"], jobs["plan"], jobs["responses"]) == (1, 1, 1)
    assert jobs["reward_model"] == 1
    assert "evaluate" not in jobs
    assert "reference_test" not in jobs


def test_one_transfer_evaluation(repository: Repository) -> None:
    """Trained on one data set, measured on the other: the other's train split is not touched."""
    run = "toy-dialogue/dpo-hps/n20-b0.1-s0"
    jobs = repository.planned(f"results/demo/evaluations/toy-questions/{run}/evaluation.json")
    assert (jobs["train"], jobs["evaluate"], jobs["plan"]) == (1, 1, 1)
    assert (jobs["responses"], jobs["rewards"]) == (2, 2)


def test_given_config_replaces_the_preset(repository: Repository) -> None:
    result = repository.snakemake("-n", "tables", "--configfile", TINY)
    assert result.returncode == 0, result.stderr
    folders = set(re.findall(r"results/([\w-]+)/", result.stdout))
    assert folders == {"tiny"}
    assert "toy-questions" not in result.stdout
    assert job_counts(result)["tables"] == 1
    assert job_counts(result)["table"] == 2


def test_given_models_and_no_tables(repository: Repository) -> None:
    """Nothing is trained but policies, and nothing waits for tables that nobody asked for."""
    values = yaml.safe_load((repository.folder / TINY).read_text())
    values["models"] = {part: {"path": f"some/{part}"} for part in values["models"]}
    del values["tables"]
    (repository.folder / "given.yaml").write_text(yaml.safe_dump(values))
    jobs = repository.planned("--configfile", "given.yaml")
    assert jobs.keys().isdisjoint({*MODELS, "table", "figure"})
    assert (jobs["train"], jobs["evaluate"], jobs["track"]) == (2, 2, 1)


def test_values_on_the_command_line_override_the_preset(repository: Repository) -> None:
    result = repository.snakemake("-n", "policies", "--config", "name=mine")
    assert result.returncode == 0, result.stderr
    assert set(re.findall(r"results/([\w-]+)/", result.stdout)) == {"mine"}
    assert job_counts(result)["train"] == 52


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("trainig:", "trainig: unknown key; did you mean 'training'?"),
        ("training:\n  lr: 1", "training.lr: unknown key; did you mean 'learning_rate'?"),
    ],
)
def test_wrong_config_is_one_line_before_anything_runs(
    repository: Repository, wrong: str, expected: str
) -> None:
    text = (repository.folder / TINY).read_text()
    (repository.folder / "bad.yaml").write_text(re.sub(r"^training:", wrong, text, flags=re.M))
    result = repository.snakemake("-n", "--configfile", "bad.yaml")
    assert result.returncode == 2
    assert result.stdout == ""
    profile = "Using workflow specific profile profiles/default for setting default command "
    lines = [line for line in result.stderr.splitlines() if not line.startswith(profile)]
    assert lines == [f"hps-bench: {repository.folder / 'bad.yaml'}: {expected}"]


def test_lint_finds_nothing(repository: Repository) -> None:
    result = repository.snakemake("--lint")
    assert result.returncode == 0
    assert "Congratulations" in result.stdout + result.stderr


def test_list_says_what_rules_do(repository: Repository) -> None:
    lines = repository.snakemake("--list").stdout.splitlines()
    assert "train (Train one policy.)" in lines
    assert {"table2", "table8", "cost"} <= set(lines)
    unnamed = [line for line in lines if " (" not in line]
    tables = r"table\d|cost|margins|margins-normalised|comparisons"
    assert all(re.fullmatch(tables, line) for line in unnamed)
    assert not any("{" in line for line in lines)


def test_rule_graph_is_dot(repository: Repository) -> None:
    graph = repository.snakemake("--rulegraph", "--configfile", TINY).stdout
    assert graph.startswith("digraph")
    for rule in ("prompts", "responses", "rewards", "plan", "reference", "train", "evaluate"):
        assert f'label = "{rule}"' in graph


VLLM = ("--configfile", "config/vllm-cpu.yaml")
VLLM_CELL = "results/vllm-cpu/evaluations/toy-questions/toy-dialogue/dpo-hps/n8-b0.1-s0"


def test_policies_of_an_experiment_are_sampled_together(repository: Repository) -> None:
    """Two experiments on two data sets; their 12 evaluations wait for one of the four jobs."""
    jobs = repository.planned(*VLLM)
    counted = {name: jobs[name] for name in ("samples", "samples_ready", "evaluate", "judge")}
    assert counted == {"samples": 4, "samples_ready": 12, "evaluate": 12, "judge": 2}


def test_a_cell_that_is_asked_for_is_sampled_alone(repository: Repository) -> None:
    for file in ("evaluation.json", "samples.parquet"):
        jobs = repository.planned(f"{VLLM_CELL}/{file}", *VLLM)
        assert (jobs["train"], jobs["evaluate"], "samples" in jobs) == (1, 1, False)


def test_a_table_samples_and_trains_for_its_own_cells_only(repository: Repository) -> None:
    """Table 5 of the config has one experiment, table 8 of the paper shares cells with others."""
    assert repository.planned("table5", *VLLM)["samples"] == 2
    jobs = repository.planned("table8", "--configfile", "config/paper.yaml")
    assert (jobs["train"], jobs["evaluate"]) == (30, 30)


def test_a_training_that_has_failed_holds_up_no_other_evaluation(repository: Repository) -> None:
    folder = repository.folder / "results/vllm-cpu/tracking/policies/toy-dialogue/dpo-pl/n8-b0.1-s0"
    failed = {"key": "policies", "status": "FAILED", "attempt": 1, "start_time": 0}
    more = {"params": {}, "tags": {}, "process": this_process()}
    write_state(folder, RunState.model_validate({**failed, **more}))
    try:
        assert repository.planned(*VLLM)["samples"] == 2
    finally:
        shutil.rmtree(repository.folder / "results")


def test_without_vllm_every_evaluation_samples(repository: Repository) -> None:
    jobs = repository.planned("--configfile", TINY)
    assert not jobs.keys() & {"samples", "samples_ready"}
