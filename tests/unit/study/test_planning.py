"""Which policies a config's study rates, and what a config may not ask for."""

from typing import Any

import pytest
import yaml

from hps_bench.config import Config, load_config
from hps_bench.errors import UserError
from hps_bench.study.planning import StudyFiles, study_job
from hps_bench.study.settings import StudyJob
from hps_bench.workflow import Workflow
from tests.cli.command import ROOT, TINY

STUDY = {"experiment": "fine-tuning", "methods": ["hps"]}


def config(study: dict[str, Any] | None, **changed: Any) -> Config:
    """The tiny config with a study."""
    return Config.model_validate(yaml.safe_load(TINY.read_text()) | {"study": study} | changed)


def test_paper_rates_what_the_paper_does() -> None:
    job = study_job(load_config(ROOT / "config" / "paper.yaml"))
    assert job.policies == ["sft", "dpo-bt", "dpo-pl", "dpo-hps"]
    assert (job.settings.prompts, job.settings.raters) == (15, 20)
    assert list(job.evaluations) == ["hh-rlhf", "pku-saferlhf"]
    assert job.evaluations["hh-rlhf"] == [
        "hh-rlhf/sft",
        "hh-rlhf/hh-rlhf/dpo-bt/n100-b0.1-s0",
        "hh-rlhf/hh-rlhf/dpo-pl/n100-b0.1-s0",
        "hh-rlhf/hh-rlhf/dpo-hps/n100-b0.1-s0",
    ]


@pytest.mark.parametrize("name", ["demo", "paper"])
def test_rated_policies_are_in_the_grid(name: str) -> None:
    suite = Workflow(load_config(ROOT / "config" / f"{name}.yaml"))
    samples = [path for path in suite.study.samples if path.endswith("samples.parquet")]
    known = suite.evaluation_files(suite.grid, "samples.parquet")
    assert len(samples) == 8
    assert set(samples) <= set(known)


def test_settings_file_holds_the_job() -> None:
    made = config(STUDY)
    assert StudyJob.model_validate_json(Workflow(made).settings("study")) == study_job(made)


def test_no_study_has_no_files() -> None:
    files = StudyFiles(config(None), "results/tiny")
    assert [files.samples, files.packets, files.ratings, files.analysis] == [[], [], [], []]


def test_people_are_waited_for_by_no_rule() -> None:
    files = StudyFiles(config(STUDY), "results/tiny")
    assert files.packets == [f"results/tiny/study/{n}.json" for n in ("assignment", "key")]
    assert files.analysis == []


def test_simulated_raters_are_run() -> None:
    files = StudyFiles(config(STUDY | {"simulated": {}}), "results/tiny")
    assert files.ratings == ["results/tiny/study/ratings.parquet"]
    assert files.analysis == ["results/tiny/study/analysis.json"]


@pytest.mark.parametrize(
    ("study", "reason"),
    [
        (STUDY | {"experiment": "fine-tune"}, "unknown experiment 'fine-tune'; did you mean"),
        (
            STUDY | {"reward": "ipo"},
            "study.reward: 'ipo' is not in experiments.fine-tuning.rewards",
        ),
        (STUDY | {"methods": ["bt"]}, "study.methods: 'bt' is not in experiments.fine-tuning"),
        (STUDY | {"methods": ["hps", "hps"]}, "study.methods: 'hps' stands there twice"),
        (STUDY | {"responses": 3}, "study.responses: 3 is not in experiments.fine-tuning.resp"),
        (STUDY | {"beta": 0.2}, "study.beta: 0.2 is not in experiments.fine-tuning.betas"),
        (STUDY | {"policy_seed": 1}, "study.policy_seed: 1 is not in experiments.fine-tuning.se"),
        (STUDY | {"sample": 2}, "study.sample: samples are counted from 0"),
    ],
)
def test_unfit_studies(study: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        config(study)


def test_table_without_a_study() -> None:
    with pytest.raises(UserError, match=r"tables\.table3: it shows what people rated"):
        config(None, tables={"table3": ["fine-tuning"]})


def test_table_of_another_experiment() -> None:
    experiments = yaml.safe_load(TINY.read_text())["experiments"]
    experiments["other"] = experiments["fine-tuning"]
    with pytest.raises(UserError, match=r"tables\.table3: give it the study's experiment"):
        config(STUDY, experiments=experiments, tables={"table3": ["other"]})


def test_transfer_is_not_rated() -> None:
    """A policy that is evaluated on other data sets has no samples on its own."""
    both = yaml.safe_load(TINY.read_text())
    both["datasets"]["second"] = both["datasets"]["toy-dialogue"]
    both["experiments"]["fine-tuning"]["evaluate_on"] = "others"
    with pytest.raises(UserError, match="is evaluated on other data sets"):
        Config.model_validate(both | {"study": STUDY})
