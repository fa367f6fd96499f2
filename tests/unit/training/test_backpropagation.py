"""Gradients within a token budget, against the gradient of one plain pass."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from torch import Tensor

from hps_bench.chat import Completion
from hps_bench.logprobs import response_logps
from hps_bench.logprobs.choice import form_of
from hps_bench.logprobs.forms import PADDED
from hps_bench.logprobs.rows import PackedRow
from hps_bench.losses import dpo
from hps_bench.losses.batch import RankedBatch
from hps_bench.models.language_model import tiny_llama
from hps_bench.models.settings import Architecture
from hps_bench.training.backpropagation import Backpropagation, Strategy
from tests.unit.tiny import tokenizer

Loss = Callable[[Tensor], Tensor]
LIST = [Completion([5, 6, 7, 8], [9 + j, *range(20, 22 + j)]) for j in range(9)]


def adapted(dropout: float = 0.0) -> Any:
    """A tiny Llama of six layers with an adapter whose B is not zero."""
    torch.manual_seed(3)
    shape = Architecture(hidden_size=32, layers=6, heads=2, intermediate_size=48)
    base = tiny_llama(shape, tokenizer(), seed=0)
    lora = LoraConfig(task_type="CAUSAL_LM", r=2, target_modules="all-linear", lora_dropout=dropout)
    model = get_peft_model(base, lora)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    model.train()
    return model


def plackett_luce(logps: Tensor) -> Tensor:
    """DPO's loss of the whole list, ranked as it stands, π_ref = 0.01·log π without gradient."""
    row = logps[None]
    reference = row.detach() * 0.9
    zeros = torch.zeros_like(row)
    batch = RankedBatch(row, reference, zeros + 1, zeros, zeros, torch.ones_like(row).bool())
    return dpo.ranking(batch, beta=0.5).sum()


def gradients(
    model: Any, completions: Sequence[Completion], loss: Loss, budget: int
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and gradient of a Backpropagation with this budget."""
    model.zero_grad()
    differentiate = Backpropagation(model, budget, Accelerator(cpu=True))
    with form_of(model).attention(model):
        logps = differentiate(completions, loss, seed=11)
    found = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return logps, torch.cat(found)


def plain(model: Any, loss: Loss) -> tuple[Tensor, Tensor]:
    """The same from one padded pass."""
    model.zero_grad()
    logps = response_logps(model, LIST, PADDED)
    torch.autograd.backward(loss(logps))
    found = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return logps.detach(), torch.cat(found)


@pytest.mark.parametrize(
    ("budget", "strategy"),
    [(1000, Strategy.WHOLE), (20, Strategy.RECOMPUTED), (12, Strategy.CHUNKED)],
)
def test_every_strategy_gives_the_gradient_of_a_plain_pass(
    budget: int, strategy: Strategy, caplog: pytest.LogCaptureFixture
) -> None:
    """58 tokens, six layers: recomputing needs 50 of 132 hidden sizes a token, so 20 become 52."""
    model = adapted()
    completions = LIST if strategy is not Strategy.RECOMPUTED else LIST[:5]
    assert PackedRow.sharing(LIST).length == 4 + sum(2 + j for j in range(9)) == 58
    assert PackedRow.sharing(LIST[:5]).length == 24
    with caplog.at_level(logging.INFO, "hps_bench"):
        logps, found = gradients(model, completions, plackett_luce, budget)
    assert strategy.value in caplog.text
    assert f"the budget is {budget} tokens" in caplog.text
    whole_logps, whole = gradients(model, completions, plackett_luce, 10**6)
    torch.testing.assert_close(logps, whole_logps, rtol=0, atol=1e-5)
    assert (found - whole).norm() < 1e-5 * whole.norm()
    if completions is LIST:
        expected_logps, expected = plain(model, plackett_luce)
        torch.testing.assert_close(logps, expected_logps, rtol=0, atol=1e-5)
        assert (found - expected).norm() < 1e-4 * expected.norm()


def test_dropout_is_the_same_in_both_passes() -> None:
    """The slopes of a linear loss do not depend on the first pass; a squared one's do.

    With masks drawn anew in the second pass, log-probabilities returned (first pass) and
    gradients (second) would belong to different networks: the derivative along the gradient,
    by a finite difference with the same seed, would not be its squared norm.
    """
    model = adapted(dropout=0.3).double()
    parameters = [p for p in model.parameters() if p.requires_grad]

    def loss(logps: Tensor) -> Tensor:
        return (logps**2).sum() / 100

    _, found = gradients(model, LIST, loss, budget=12)
    direction = [p.grad.clone() for p in parameters if p.grad is not None]
    step, losses = 1e-5 / float(found.norm()), []
    for factor in (step, -2 * step):
        with torch.no_grad():
            for parameter, along in zip(parameters, direction, strict=True):
                parameter.add_(factor * along)
        losses.append(float(loss(gradients(model, LIST, loss, budget=12)[0])))
    slope = (losses[0] - losses[1]) / (2 * step)
    assert slope == pytest.approx(float(found.norm() ** 2), rel=1e-3)


@settings(max_examples=15)
@given(st.integers(1, 120), st.integers(1, 9))
def test_any_budget_gives_the_same(budget: int, count: int) -> None:
    model = adapted()
    _, whole = gradients(model, LIST[:count], lambda logps: (logps**2).sum(), 10**6)
    _, found = gradients(model, LIST[:count], lambda logps: (logps**2).sum(), budget)
    assert (found - whole).norm() < 1e-5 * whole.norm()


def test_layers_are_recomputed_in_that_pass_only() -> None:
    """Saved activations shrink under recomputation, and the model is as before afterwards."""
    model = adapted()

    def saved(budget: int) -> int:
        elements = 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal elements
            elements += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            gradients(model, LIST[:5], plackett_luce, budget)
        return elements

    whole = saved(1000)
    assert saved(20) < whole / 4
    assert saved(1000) == whole
