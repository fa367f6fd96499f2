"""Log-probabilities and divergences against transformers' own loss and torch's kl_div."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hps_bench.chat import Completion
from hps_bench.logprobs import (
    all_response_kls,
    all_response_logps,
    head,
    response_kl,
    response_logps,
)
from tests.unit.logprobs.conversations import SHAPES, completions
from tests.unit.logprobs.models import VOCABULARY, build, shared_model, with_adapter
from tests.unit.logprobs.plain import next_token_logps, plain_logps

if TYPE_CHECKING:
    from transformers import PreTrainedModel

COMPLETIONS = SHAPES["one prompt in separate places"]


def loss_logp(model: PreTrainedModel, completion: Completion) -> Tensor:
    """Minus transformers' own mean loss on the response, times its length."""
    ids = torch.tensor([[*completion.prompt_ids, *completion.response_ids]])
    labels = ids.clone()
    labels[0, : len(completion.prompt_ids)] = -100
    mean: Tensor = model(input_ids=ids, labels=labels).loss
    return -mean * len(completion.response_ids)


def plain_kl(
    policy: PreTrainedModel,
    reference: Callable[[], AbstractContextManager[Any]],
    completion: Completion,
) -> float:
    """torch's own kl_div on full log-softmaxes."""
    with torch.no_grad():
        p = next_token_logps(policy, completion)
        with reference() as model:
            q = next_token_logps(model, completion)
    return float(torch.nn.functional.kl_div(q, p, log_target=True, reduction="sum"))


def other_model() -> AbstractContextManager[Any]:
    return nullcontext(shared_model("tied embeddings"))


def test_equals_transformers_loss() -> None:
    model = shared_model("grouped queries")
    with torch.no_grad():
        ours = response_logps(model, COMPLETIONS)
        theirs = torch.stack([loss_logp(model, c) for c in COMPLETIONS])
    torch.testing.assert_close(ours, theirs.double(), rtol=0, atol=1e-5)


def test_sums_are_float64() -> None:
    """500 tokens of about −4.6 each: float32 adds with a spacing of 2⁻¹² at −2300."""
    model = build(max_position_embeddings=512)
    completion = Completion([3], [3 + i % (VOCABULARY - 3) for i in range(500)])
    with torch.no_grad():
        (ours,) = response_logps(model, [completion])
        (theirs,) = plain_logps(model, [completion])
    assert ours.dtype is torch.float64
    assert abs(ours - theirs) < 1e-4
    assert ours != ours.float()


@settings(max_examples=15)
@given(batch=completions(), budget=st.integers(1, 200))
def test_any_batching_gives_the_same(batch: list[Completion], budget: int) -> None:
    model = shared_model("grouped queries")
    found = all_response_logps(model, batch, budget)
    with torch.no_grad():
        alone = plain_logps(model, batch).tolist()
    assert found == pytest.approx(alone, abs=1e-5)


def test_none_asked_for() -> None:
    model = shared_model("grouped queries")
    assert all_response_logps(model, [], 100) == []
    assert all_response_kls(model, other_model, [], 100) == []


def test_kl_of_whole_distributions() -> None:
    policy = shared_model("grouped queries")
    found = response_kl(policy, other_model, COMPLETIONS)
    expected = [plain_kl(policy, other_model, c) for c in COMPLETIONS]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
    assert min(expected) > 0.1


def test_kl_from_itself_is_zero() -> None:
    policy = shared_model("grouped queries")
    assert response_kl(policy, lambda: nullcontext(policy), COMPLETIONS).abs().max() < 1e-6


@settings(max_examples=10)
@given(batch=completions(), budget=st.integers(1, 200), chunk=st.integers(1, 20))
def test_kl_in_any_batches_and_chunks(batch: list[Completion], budget: int, chunk: int) -> None:
    policy = shared_model("grouped queries")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(head.LOGITS, "cpu", chunk * VOCABULARY)
        found = all_response_kls(policy, other_model, batch, budget)
    expected = [plain_kl(policy, other_model, c) for c in batch]
    assert found == pytest.approx(expected, rel=1e-5)


ADAPTERS: dict[str, dict[str, Any]] = {
    "inner layers": {},
    "output layer": {"target_modules": ["q_proj", "lm_head"]},
    "a new output layer": {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_adapters(adapter: str) -> None:
    model = with_adapter(build(), **ADAPTERS[adapter])
    with torch.no_grad():
        ours, theirs = response_logps(model, COMPLETIONS), plain_logps(model, COMPLETIONS)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("adapter", ["inner layers", "output layer", "a new output layer"])
def test_kl_from_the_model_without_its_adapter(adapter: str) -> None:
    model = with_adapter(build(), **ADAPTERS[adapter])

    @contextmanager
    def without() -> Iterator[Any]:
        with model.disable_adapter():
            yield model

    found = response_kl(model, without, COMPLETIONS)
    expected = [plain_kl(model, without, c) for c in COMPLETIONS]
    assert found.tolist() == pytest.approx(expected, rel=1e-4)
