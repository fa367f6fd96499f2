from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hps_bench.tracking.files import RunState
from hps_bench.tracking.process import this_process
from hps_bench.tracking.runs import grid_id, run_name, run_tags, safe_key
from tests.unit.tracking.conftest import PARAMS


def _state(params: dict[str, str], **more: object) -> RunState:
    fields = {"key": "evaluations/sft", "status": "FINISHED", "attempt": 1, "start_time": 0}
    state = {**fields, "params": params, "tags": {}, "process": this_process(), **more}
    return RunState.model_validate(state)


AXES = {name: str(value) for name, value in PARAMS.items()}


@pytest.mark.parametrize(
    ("params", "name"),
    [
        (AXES, "dpo-hps hh-rlhf n20 b0.1 s0"),
        ({**AXES, "evaluated_on": "pku"}, "dpo-hps hh-rlhf n20 b0.1 s0 on pku"),
        ({"evaluated_on": "pku"}, "evaluations/sft"),
    ],
)
def test_a_run_is_named_by_its_axes(params: dict[str, str], name: str) -> None:
    assert run_name(_state(params)) == name


def test_every_axis_is_a_tag_and_other_params_are_not() -> None:
    tags = run_tags(_state({**AXES, "evaluated_on": "pku"}), "grid")
    axes = {name: value for name, value in AXES.items() if name != "learning_rate"}
    assert {**axes, "evaluated_on": "pku"}.items() <= tags.items()
    assert "learning_rate" not in tags
    assert "error" not in tags


def test_what_went_wrong_is_a_tag() -> None:
    tags = run_tags(_state({}, error="ValueError: no", skipped_metrics=3), "grid")
    assert (tags["error"], tags["skipped_metrics"]) == ("ValueError: no", "3")


@given(st.text())
def test_mlflow_accepts_every_safe_key(name: str) -> None:
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    _validate_metric_name(safe_key(name))
    _validate_param_name(safe_key(name))


def test_usual_names_are_safe_as_they_are() -> None:
    assert safe_key("rewards/margins_ci-low.1") == "rewards/margins_ci-low.1"


def test_a_results_folder_keeps_its_identity_and_shares_it_with_no_other(tmp_path: Path) -> None:
    first = grid_id(tmp_path / "demo")
    assert grid_id(tmp_path / "demo") == first
    assert grid_id(tmp_path / "other") != first
