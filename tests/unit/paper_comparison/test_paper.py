"""What sets a config apart from the paper's: Section 6 and Appendix D."""

from typing import Any

import pytest

from hps_bench.config import load_config
from hps_bench.paper import baseline_differences, differences, incomparable, judge_differences
from tests.cli.command import ROOT
from tests.unit.paper_comparison.fabricated import suite
from tests.unit.tables.fabricated import HH, PKU, cell


def reasons(policy: str = "dpo-hps", **changed: Any) -> list[str]:
    return list(differences(suite(**changed).config, cell(policy)))


def test_every_cell_of_the_papers_preset_is_the_papers() -> None:
    made = suite()
    assert len(made.grid) == 492
    assert {incomparable(made.config, each) for each in made.grid} == {None}
    assert list(baseline_differences(made.config, PKU)) == []
    assert list(judge_differences(made.config)) == []


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"training__learning_rate": 1e-6}, "learning rate 1e-06, the paper's 5e-07"),
        ({"training__batch_size": 128}, "batch of 128, the paper's 64"),
        ({"training__lora": None, "models__policy__dtype": "float32"}, "the paper trains adapters"),
        (
            {"training__lora": {"rank": 16, "alpha": 16}},
            "adapters of rank 16 and α 16, the paper's 8 and 16",
        ),
        ({"plan__epochs": 1}, "1 epoch, the paper's 2"),
        ({"evaluation__samples": 1, "judge__samples": 1}, "best of 1 sample, the paper's of 5"),
        ({"evaluation__sample_prompts": 100}, "samples are drawn for a part of the test prompts"),
        (
            {"evaluation__sampling__temperature": 1.0},
            "evaluation: temperature 1 and 2048 tokens, the paper's 0.9 and 2048",
        ),
        (
            {"responses__sampling__max_tokens": 512},
            "responses: temperature 0.9 and 512 tokens, the paper's 0.9 and 2048",
        ),
        (
            {"responses__train_prompts": 1000},
            "responses are sampled for a part of the training prompts",
        ),
        ({"models__generator__path": "a/b"}, "the generator is not the paper's model"),
        *[
            ({f"models__{part}__context": 2304}, f"the {part}'s context is cut to 2304 tokens")
            for part in ("policy", "generator", "annotator", "evaluator")
        ],
        (
            {"models__evaluator__reward": "score"},
            "the evaluator's reward is not the mean of its objectives",
        ),
        ({"datasets__hh_dash_rlhf__source__hub": "a/b"}, "hh-rlhf is not the paper's data set"),
        ({"datasets__hh_dash_rlhf__test_limit": 100}, "only a part of hh-rlhf is read"),
        ({"datasets__hh_dash_rlhf__validation_fraction": 0.1}, "only a part of hh-rlhf is read"),
        (
            {"datasets__hh_dash_rlhf__source__splits": {"train": "train", "test": "train"}},
            "hh-rlhf: train and test are not the data set's own splits",
        ),
        (
            {"methods": {"hps": {"kind": "hps", "gamma": {"start": 0, "end": 5, "stages": 5}}}},
            "hps: γ does not rise from -5 to 5 in steps of 20 % of the training",
        ),
        (
            {"methods": {"hps": {"kind": "hps", "estimator": "full"}}},
            "hps: the paper takes one negative as drawn, for one winner",
        ),
        (
            {"methods": {"hps": {"kind": "hps", "estimator": "corrected"}}},
            "hps: the paper takes one negative as drawn, for one winner",
        ),
        ({"methods": {"hps": {"kind": "bt"}}}, "hps is not the paper's method of that name"),
    ],
)
def test_one_change_is_one_reason(changed: dict[str, Any], reason: str) -> None:
    assert reasons(**changed) == [reason]


@pytest.mark.parametrize(
    "changed",
    [
        {"methods": {"hps": {"kind": "hps", "count_weight": True, "negatives": "untied"}}},
        {"methods": {"pl": {"kind": "pl", "list_size": 5}}},
        {"training__lora": {"rank": 8, "alpha": 16, "target_modules": ["q_proj", "v_proj"]}},
        {"training__warmup_share": 0.1},
        {"responses__include_human_pair": True},
        {"models__policy__revision": "0" * 40},
    ],
)
def test_what_the_paper_leaves_open_is_no_difference(changed: dict[str, Any]) -> None:
    assert reasons(policy="dpo-pl", **changed) == []
    assert reasons(policy="dpo-hps", **changed) == []


def test_all_differences_are_named() -> None:
    assert reasons(training__learning_rate=1e-6, plan__epochs=1) == [
        "learning rate 1e-06, the paper's 5e-07",
        "1 epoch, the paper's 2",
    ]


def test_data_set_that_the_config_lacks() -> None:
    demo = load_config(ROOT / "config" / "demo.yaml")
    assert incomparable(demo, cell()) == f"the config has no data set {HH}"


def test_training_does_not_touch_the_reference_model() -> None:
    changed = suite(training__learning_rate=1e-6, models__annotator__path="a/b").config
    assert list(baseline_differences(changed, HH)) == []


def test_judging_of_another_kind() -> None:
    mean = suite(judge__aggregate="mean").config
    assert list(judge_differences(mean)) == [
        "the judge takes the mean of 5 samples, the paper the best of 5"
    ]
    nobody = suite(judge=None, tables={}).config
    assert list(judge_differences(nobody)) == ["the config has no judge"]
