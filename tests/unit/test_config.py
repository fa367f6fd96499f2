import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hps_bench.config import Config, load_config, loss_form, parse_config
from hps_bench.errors import UserError
from hps_bench.models.settings import ModelSource
from hps_bench.plan.settings import METHODS
from tests.cli.command import HPS_BENCH, ROOT, TINY

PRESETS = sorted((ROOT / "config").glob("*.yaml"))
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.json"
EXPERIMENT = "experiments.fine-tuning"
HINGE = {"file": str(ROOT / "docs" / "examples" / "hinge.py")}


def values(**changed: Any) -> dict[str, Any]:
    """Values of the tiny config, some of them changed; keys are paths joined by ``__``."""
    made: dict[str, Any] = yaml.safe_load(TINY.read_text())
    for path, value in changed.items():
        *parents, last = path.replace("_dash_", "-").split("__")
        place = made
        for key in parents:
            place = place[key]
        place[last] = value
    return copy.deepcopy(made)


def refused(**changed: Any) -> str:
    with pytest.raises(UserError) as error:
        parse_config(values(**changed), "mine.yaml")
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix("mine.yaml: ")


def of_experiment(**changed: Any) -> dict[str, Any]:
    return {"experiments": {"fine-tuning": values()["experiments"]["fine-tuning"] | changed}}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_preset_loads_under_its_own_name_and_fits_the_schema(preset: Path) -> None:
    assert load_config(preset).name == preset.stem
    jsonschema.validate(yaml.safe_load(preset.read_text()), json.loads(SCHEMA.read_text()))


def test_there_are_presets() -> None:
    assert {"demo", "local-data"} <= {path.stem for path in PRESETS}


def test_schema_file_is_the_one_of_this_code() -> None:
    printed = subprocess.run(
        [*HPS_BENCH, "schema"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    remedy = "run: hps-bench schema > workflow/schemas/config.schema.json"
    assert SCHEMA.read_text() == printed.stdout, remedy


def test_schema_refuses_what_the_models_refuse() -> None:
    schema = json.loads(SCHEMA.read_text())
    cases: list[dict[str, Any]] = [{"trainig": {}}, {"training": {"lr": 1.0}}, {"name": "A B"}]
    for wrong in cases:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(values() | wrong, schema)


def test_every_key_is_described() -> None:
    schema = Config.model_json_schema()
    models = {**schema["$defs"], "Config": schema}
    assert len(models) > 15
    fields = [
        (f"{name}.{key}", field)
        for name, model in models.items()
        for key, field in model.get("properties", {}).items()
    ]
    assert len(fields) > 90
    assert [name for name, field in fields if not field.get("description")] == []


def test_numbers_that_yaml_reads_as_text() -> None:
    """YAML 1.1 wants a point in 5e-7; without one it is text."""
    assert yaml.safe_load("5e-7") == "5e-7"
    config = parse_config(
        values(
            training__learning_rate="5e-7",
            losses={"exo": {"label_smoothing": "1e-2"}},
            **of_experiment(rewards=["exo"], betas=["1e-1"]),
        ),
        "mine.yaml",
    )
    assert config.training.learning_rate == 5e-7
    assert config.hyperparameters("exo") == {"label_smoothing": 0.01}
    assert config.experiments["fine-tuning"].betas == [0.1]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"trainig": {}}, "trainig: unknown key; did you mean 'training'?"),
        ({"training__lora": {"rnk": 2}}, "training.lora.rnk: unknown key; did you mean 'rank'?"),
        (
            {"models__policy": {"path": "x", "dtyp": "float32"}},
            "models.policy.dtyp: unknown key; did you mean 'dtype'?",
        ),
        (
            {"models__policy": {"pth": "x"}},
            "models.policy: a model has either the key path or the key train, not {'pth': 'x'}",
        ),
        (
            {"models__annotator__train__label_nois": 0.1},
            "models.annotator.train.label_nois: unknown key; did you mean 'label_noise'?",
        ),
        (
            {"datasets__toy_dash_dialogue__source__pair": 1},
            "datasets.toy-dialogue.source.pair: unknown key; did you mean 'pairs'?",
        ),
        (
            {"methods": {"mine": {"kind": "hps", "gamma": {"begin": 1}}}},
            "methods.mine.gamma.begin: unknown key; known: end, stages, start",
        ),
        (
            of_experiment(rewads=["dpo"]),
            f"{EXPERIMENT}.rewads: unknown key; did you mean 'rewards'?",
        ),
    ],
)
def test_key_that_no_model_names(changed: dict[str, Any], expected: str) -> None:
    line = refused(**changed)
    assert line.removesuffix(" (and 1 more)") == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            of_experiment(rewards=["dop"]),
            f"{EXPERIMENT}.rewards: unknown reward 'dop'; did you mean 'dpo'?",
        ),
        (
            of_experiment(methods=["hsp"]),
            f"{EXPERIMENT}.methods: unknown method 'hsp'; did you mean 'hps'?",
        ),
        (
            of_experiment(datasets=["hh"]),
            f"{EXPERIMENT}.datasets: unknown data set 'hh'; known: toy-dialogue",
        ),
        (
            {"losses": {"dop": {}}},
            "losses.dop: unknown loss 'dop'; did you mean 'dpo'?",
        ),
        (
            {"tables": {"table2": ["finetuning"]}},
            "tables.table2: unknown experiment 'finetuning'; did you mean 'fine-tuning'?",
        ),
    ],
)
def test_name_that_leads_nowhere(changed: dict[str, Any], expected: str) -> None:
    assert refused(**changed) == expected


@pytest.mark.parametrize(
    ("changed", "where", "reason"),
    [
        (of_experiment(responses=[5]), f"{EXPERIMENT}.responses", "pool of 4 samples"),
        (of_experiment(responses=[1]), f"{EXPERIMENT}.responses", "choose 2 or more"),
        (of_experiment(responses=[]), f"{EXPERIMENT}.responses", "at least 1 item"),
        (of_experiment(betas=[0]), f"{EXPERIMENT}.betas", "β = 0 is not positive"),
        (of_experiment(betas=[float("nan")]), f"{EXPERIMENT}.betas.0", "finite"),
        (of_experiment(betas=[0.12345678]), f"{EXPERIMENT}.betas", "six digits"),
        (of_experiment(seeds=[-1]), f"{EXPERIMENT}.seeds.0", "greater than or equal to 0"),
        (of_experiment(evaluate_on="others"), f"{EXPERIMENT}.evaluate_on", "second data set"),
        (
            of_experiment(rewards=["kto"], methods=["pl"]),
            EXPERIMENT,
            "kto-pl does not exist, 'kto' has no ranking form",
        ),
        (
            {"models__annotator__train__initialise_from": "evaluator"},
            "models.annotator.train.initialise_from",
            "'evaluator' is no language model trained here",
        ),
        (
            {"models__policy__train__architecture": {"hidden_size": 20, "heads": 4}},
            "models.policy.train.architecture",
            "hidden_size must be a multiple of twice the heads",
        ),
        ({"losses": {"exo": {"label_smoothing": 0}}}, "losses.exo.label_smoothing", "out of range"),
        ({"losses": {"exo": {"smoothing": 0.1}}}, "losses.exo.smoothing", "unknown setting"),
        (
            {"losses": {"exo": {"label_smoothing": "x"}}},
            "losses.exo.label_smoothing",
            "'x' is not a number",
        ),
        ({"losses": {"hinge": {"file": "absent.py"}}}, "absent.py", "import failed"),
        ({"losses": {"hinge": {"file": "hinge"}}}, "losses.hinge.file", "must end in .py"),
        ({"losses": {"dpo": HINGE}}, "losses.dpo.file", "'dpo' is a known loss"),
        ({"losses": {"other": HINGE}}, HINGE["file"], "LOSS is named 'hinge'"),
        ({"tables": {"table2": []}}, "tables.table2", "at least 1 item"),
        ({"datasets": {}}, "datasets", "at least 1 item"),
        ({"name": "../elsewhere"}, "name", "pattern"),
    ],
)
def test_value_that_does_not_fit(changed: dict[str, Any], where: str, reason: str) -> None:
    line = refused(**changed)
    assert line.startswith(f"{where}: ")
    assert reason in line


def test_loss_of_a_file_is_a_reward_like_any_other() -> None:
    config = parse_config(
        values(losses={"hinge": HINGE}, **of_experiment(rewards=["hinge"])), "mine.yaml"
    )
    assert config.experiments["fine-tuning"].rewards == ["hinge"]
    assert config.hyperparameters("hinge") == {}


def test_methods_of_the_config_stand_beside_the_built_in_ones() -> None:
    config = parse_config(values(methods={"pl-3": {"kind": "pl", "list_size": 3}}), "mine.yaml")
    assert set(config.all_methods) == {*METHODS, "pl-3"}
    assert [loss_form(config.all_methods[m]) for m in ("bt", "hps", "pl-3")] == [
        "comparison",
        "comparison",
        "ranking",
    ]


def test_table_of_differences_needs_a_policy_to_compare() -> None:
    experiment = values()["experiments"]["fine-tuning"] | {"methods": ["bt", "pl"]}
    changed = {"experiments": {"e": experiment}, "tables": {"comparisons": ["e"]}}
    assert refused(**changed) == (
        "tables.comparisons: it compares other methods with bt and pl; add one, such as hps"
    )


def test_model_may_be_given_by_its_path() -> None:
    config = parse_config(values(models__generator={"path": "a/b", "revision": "c"}), "mine.yaml")
    assert config.models.generator == ModelSource(path="a/b", revision="c", dtype="bfloat16")


def test_missing_and_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.yaml: no such config"):
        load_config(tmp_path / "absent.yaml")
    for content in (b"a: [", b"a:\n\t- b", b"\xff\xfe\x00"):
        (tmp_path / "bad.yaml").write_bytes(content)
        with pytest.raises(UserError, match=r"bad\.yaml: not a YAML file \(") as error:
            load_config(tmp_path / "bad.yaml")
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="not a YAML file"):
        load_config(tmp_path)


@pytest.mark.parametrize("content", ["", "- a\n", "text\n"])
def test_file_without_keys(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=r"bad\.yaml: the file: expected keys with values"):
        load_config(path)
