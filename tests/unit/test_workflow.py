import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hps_bench.config import Config, load_config
from hps_bench.errors import UserError
from hps_bench.evaluation.settings import EvaluateSettings
from hps_bench.models.settings import TokenizerSettings, TrainedModel
from hps_bench.plan.settings import PlanSettings
from hps_bench.prompts.settings import DatasetSettings
from hps_bench.reference.settings import ReferenceSettings
from hps_bench.responses.settings import ResponsesSettings
from hps_bench.rewards.settings import RewardsSettings
from hps_bench.settings import Settings
from hps_bench.stage_settings import PARTS
from hps_bench.tables.settings import TableJob
from hps_bench.tracking.settings import TrackSettings
from hps_bench.training.settings import TrainSettings
from hps_bench.workflow import CODE, Workflow
from tests.cli.command import ROOT, TINY

HINGE = str(ROOT / "docs" / "examples" / "hinge.py")


def suite(**changed: Any) -> Workflow:
    """The tiny config with sections replaced."""
    return Workflow(Config.model_validate(yaml.safe_load(TINY.read_text()) | changed))


def experiment(**changed: Any) -> dict[str, Any]:
    """Experiments of the tiny config, the only one of them changed."""
    only = yaml.safe_load(TINY.read_text())["experiments"]["fine-tuning"]
    return {"experiments": {"fine-tuning": only | changed}}


def settings(made: Workflow, key: str) -> Any:
    return json.loads(made.settings(key))


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("prompts/toy-dialogue", DatasetSettings),
        ("tokenizer", TokenizerSettings),
        ("models/policy", TrainedModel),
        ("models/evaluator", TrainedModel),
        ("responses/train", ResponsesSettings),
        ("rewards", RewardsSettings),
        ("plan/hps", PlanSettings),
        ("reference", ReferenceSettings),
        ("train/sppo-hps", TrainSettings),
        ("evaluate/toy-dialogue", EvaluateSettings),
        ("tables/table2", TableJob),
        ("track", TrackSettings),
    ],
)
def test_settings_are_what_their_stage_accepts(key: str, kind: type[Settings]) -> None:
    kind.model_validate_json(suite().settings(key))


def test_training_samples_are_more_than_test_samples() -> None:
    made = suite()
    train, test = settings(made, "responses/train"), settings(made, "responses/test")
    assert (train["samples"], train["prompts"]) == (4, 2)
    assert (test["samples"], test["prompts"]) == (3, None)
    assert train["model"]["path"] == "results/tiny/models/generator"


def test_each_part_is_played_by_its_own_model() -> None:
    made = suite()
    assert settings(made, "rewards")["model"]["path"].endswith("/annotator")
    assert settings(made, "reference")["model"]["path"].endswith("/policy")
    evaluate = settings(made, "evaluate/toy-dialogue")
    assert evaluate["model"]["path"].endswith("/policy")
    assert evaluate["evaluator"]["model"]["path"].endswith("/evaluator")
    assert evaluate["truth"] == "toy"


def test_training_depends_on_its_own_loss_alone() -> None:
    made = suite(
        losses={"exo": {"label_smoothing": 0.2}, "hinge": {"file": HINGE}},
        **experiment(rewards=["exo", "hinge"], methods=["bt", "pl"]),
    )
    assert settings(made, "train/exo-bt")["loss"] == {
        "name": "exo",
        "form": "comparison",
        "function": "hps_bench.losses.exo:comparison",
        "hyperparameters": {"label_smoothing": 0.2},
        "mismatched": False,
    }
    assert settings(made, "train/exo-pl")["loss"]["function"] == "hps_bench.losses.exo:ranking"
    assert settings(made, "train/hinge-bt")["loss"]["function"] == f"{HINGE}:comparison"
    assert "0.2" not in made.settings("train/hinge-pl")


def test_code_of_each_loss_is_its_own() -> None:
    made = suite(
        losses={"hinge": {"file": HINGE}},
        **experiment(rewards=["dpo", "sppo", "hinge"], methods=["hps", "bt"]),
    )
    digests = {made.train_code(reward, "hps") for reward in ("dpo", "sppo", "hinge")}
    assert len(digests | {made.code("train")}) == 4
    assert made.train_code("dpo", "hps") == made.train_code("dpo", "bt")


def test_every_stage_has_code_of_its_own() -> None:
    suite = Workflow(load_config(TINY))
    assert len({suite.code(stage) for stage in CODE}) == len(CODE)


def test_code_of_a_stage_is_that_of_its_backend() -> None:
    plain = load_config(TINY)
    fast = {"responses": {**plain.responses.model_dump(), "backend": "vllm"}}
    suite, other = Workflow(plain), Workflow(Config.model_validate({**plain.model_dump(), **fast}))
    differ = [stage for stage in CODE if suite.code(stage) != other.code(stage)]
    assert differ == ["responses"]


def test_models_that_are_given_are_not_trained() -> None:
    made = load_config(TINY)
    models = made.models.model_dump() | {"generator": {"path": "a/b"}}
    given = Workflow(Config.model_validate(made.model_dump() | {"models": models}))
    assert given.model_files("generator") == []
    assert given.model_files("policy") == ["results/tiny/models/policy/model.safetensors"]
    assert given.stages.trained_parts("language-model") == ["policy"]
    assert given.stages.trained_parts("preference") == ["annotator", "evaluator"]
    assert given.stages.initial_model("annotator") == "policy"
    assert settings(given, "responses/train")["model"]["path"] == "a/b"
    with pytest.raises(UserError, match=r"models\.generator: given by its path"):
        given.settings("models/generator")


def test_all_four_parts_are_trained_in_the_tiny_config() -> None:
    made = suite()
    parts = map(made.stages.trained_parts, ("language-model", "preference"))
    assert set().union(*parts) == set(PARTS)


def test_parts_of_a_split() -> None:
    responses = yaml.safe_load(TINY.read_text())["responses"] | {"parts": 2}
    assert suite(responses=responses).part_files("rewards", "a", "test") == [
        "results/tiny/rewards/a/test/part-000-of-002.parquet",
        "results/tiny/rewards/a/test/part-001-of-002.parquet",
    ]


@pytest.mark.parametrize(("rewards", "flag"), [(["dpo"], ""), (["dpo", "kto"], "--mismatched")])
def test_mismatched_pairs_are_wanted_where_kto_trains(rewards: list[str], flag: str) -> None:
    made = suite(**experiment(rewards=rewards, methods=["bt"]))
    plan = {"dataset": "toy-dialogue", "responses": "4", "seed": "0"}
    assert made.mismatched_flag(method="bt", **plan) == flag
    assert made.mismatched_flag(method="hps", **plan) == ""


def test_evaluations_come_with_one_baseline_for_each_test_set() -> None:
    made = suite()
    folder = "results/tiny/evaluations/toy-dialogue"
    assert made.evaluation_files(made.grid) == [
        f"{folder}/toy-dialogue/dpo-hps/n4-b0.1-s0/evaluation.json",
        f"{folder}/sft/evaluation.json",
        f"{folder}/toy-dialogue/sppo-hps/n4-b0.1-s0/evaluation.json",
    ]


def test_tables_are_made_of_their_own_cells() -> None:
    only = yaml.safe_load(TINY.read_text())["experiments"]["fine-tuning"]
    made = suite(
        experiments={"a": only | {"rewards": ["dpo"]}, "b": only | {"rewards": ["exo"]}},
        tables={"table2": ["a"], "table8": ["a", "b", "a"], "cost": ["b"]},
    )
    assert made.table_files("table2") == [
        "results/tiny/evaluations/toy-dialogue/toy-dialogue/dpo-hps/n4-b0.1-s0/records.parquet",
        "results/tiny/evaluations/toy-dialogue/sft/records.parquet",
    ]
    assert [cell.reward for cell in made.table_cells("table8")] == ["dpo", "exo"]
    assert made.table_files("cost") == [
        "results/tiny/policies/toy-dialogue/exo-hps/n4-b0.1-s0/training.json"
    ]
    assert len(settings(made, "tables/table8")["incomparable"]) == 2


def test_policies_of_transfer_are_those_of_fine_tuning() -> None:
    values = yaml.safe_load(TINY.read_text())
    only = values["experiments"]["fine-tuning"]
    made = suite(
        datasets=values["datasets"] | {"other": values["datasets"]["toy-dialogue"]},
        experiments={"a": only, "b": only | {"evaluate_on": "others"}},
        tables={},
    )
    assert len(made.grid) == 4
    assert len(made.policy_files(made.grid)) == 2
    assert made.rewards == ["dpo", "sppo"]


def test_weights_file_of_adapters_and_of_whole_models() -> None:
    assert suite().weights_name == "adapter_model.safetensors"
    whole = suite(training={"lora": None})
    assert whole.weights_name == "model.safetensors"
    assert (
        whole.weights_name
        == TrainSettings.model_validate_json(whole.settings("train/dpo-hps")).optimiser.weights_name
    )


def test_local_files_are_inputs_and_missing_ones_are_left_to_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPS_BENCH_DATA", str(tmp_path))
    data = {"format": "hh-rlhf", "source": {"files": {"train": ["a*.jsonl"], "test": ["t.jsonl"]}}}
    toy = yaml.safe_load(TINY.read_text())["datasets"]
    made = suite(datasets=toy | {"hh": data})
    assert made.source_files("hh") == []
    for name in ("t.jsonl", "a2.jsonl", "a1.jsonl"):
        (tmp_path / name).touch()
    assert made.source_files("hh") == [
        str(tmp_path / name) for name in ("a1.jsonl", "a2.jsonl", "t.jsonl")
    ]
    assert made.source_files("toy-dialogue") == []
