"""Every form against transformers' full logits, one row at a time, nothing padded or shared."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings

from hps_bench.chat import Completion
from hps_bench.logprobs import response_logps
from hps_bench.logprobs.forms import Form
from tests.unit.logprobs.conversations import SHAPES, completions
from tests.unit.logprobs.forms import DIFFERENTIABLE, FORMS
from tests.unit.logprobs.models import MODELS, build, shared_model, with_adapter
from tests.unit.logprobs.plain import gradients, plain_logps, worst_error

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


def assert_values_equal(name: str, form: Form, batch: list[Completion]) -> None:
    model = shared_model(name)
    with torch.no_grad():
        ours, theirs = response_logps(model, batch, form), plain_logps(model, batch)
    assert ours.dtype is torch.float64
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def assert_gradients_equal(name: str, form: Form, batch: list[Completion]) -> None:
    model = shared_model(name)
    ours, theirs = response_logps(model, batch, form), plain_logps(model, batch)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert worst_error(gradients(model, ours), gradients(model, theirs)) < 1e-4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", FORMS)
def test_values_of_named_shapes(form: str, shape: str) -> None:
    assert_values_equal("grouped queries", FORMS[form], SHAPES[shape])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", DIFFERENTIABLE)
def test_gradients_of_named_shapes(form: str, shape: str) -> None:
    assert_gradients_equal("grouped queries", FORMS[form], SHAPES[shape])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=10)
@given(batch=completions())
def test_values_of_random_shapes(form: str, name: str, batch: list[Completion]) -> None:
    assert_values_equal(name, FORMS[form], batch)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("form", DIFFERENTIABLE)
@settings(max_examples=10)
@given(batch=completions())
def test_gradients_of_random_shapes(form: str, name: str, batch: list[Completion]) -> None:
    assert_gradients_equal(name, FORMS[form], batch)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=10)
@given(batch=completions())
def test_order_does_not_matter(form: str, batch: list[Completion]) -> None:
    model = shared_model("grouped queries")
    with torch.no_grad():
        there = response_logps(model, batch, FORMS[form])
        back = response_logps(model, batch[::-1], FORMS[form])
    torch.testing.assert_close(there, back.flip(0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("make", [build, lambda: with_adapter(build())], ids=["full", "adapter"])
@pytest.mark.parametrize("form", DIFFERENTIABLE)
def test_gradients_with_recomputed_layers(form: str, make: Callable[[], Any]) -> None:
    """The attention stays open in the backward pass, where layers are computed again."""
    model, batch = make(), SHAPES["one prompt in separate places"]
    theirs = gradients(model, plain_logps(model, batch))
    model.train()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    with FORMS[form].attention(model):
        ours = gradients(model, response_logps(model, batch, FORMS[form]))
    assert worst_error(ours, theirs) < 1e-4
