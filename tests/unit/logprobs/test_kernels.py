"""Attention of a packed row against dense softmax attention in float64 under a mask by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from hps_bench.chat import Completion
from hps_bench.logprobs import shared_prompts
from hps_bench.logprobs.attention import Kernel
from hps_bench.logprobs.block_mask import FlexKernel
from hps_bench.logprobs.rows import PackedRow
from hps_bench.logprobs.shared_prompts import Layout
from tests.unit.logprobs.conversations import SHAPES, completions

CPU = torch.device("cpu")
HEADS, WIDTH = 4, 8
SCALE = 1 / math.sqrt(WIDTH)
KERNELS: dict[str, Callable[[PackedRow, torch.device], Kernel]] = {
    "shared prompts": Layout.of,
    "FlexAttention": FlexKernel.of,
}

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


class Inputs(NamedTuple):
    """As models bring them: (1, H, T, D), views of (1, T, H, D)."""

    query: Tensor
    key: Tensor
    value: Tensor

    def to(self, dtype: torch.dtype) -> Inputs:
        """Leaves of another dtype."""
        return Inputs(*(x.detach().to(dtype).requires_grad_() for x in self))


def kernel(name: str, batch: list[Completion]) -> Kernel:
    return KERNELS[name](PackedRow.sharing(batch), CPU)


def visible(batch: list[Completion]) -> Tensor:
    """Which key each query may see, (T, T): earlier tokens of its prompt and of its response."""
    prompts = list(dict.fromkeys(tuple(c.prompt_ids) for c in batch))
    row: list[tuple[tuple[int, ...], int | None, int]] = []
    row += [(prompt, None, i) for prompt in prompts for i in range(len(prompt))]
    row += [
        (prompt, owner, len(prompt) + i)
        for prompt in prompts
        for owner, completion in enumerate(batch)
        if tuple(completion.prompt_ids) == prompt
        for i in range(len(completion.response_ids) - 1)
    ]
    seen = [
        query[0] == key[0] and key[1] in (None, query[1]) and key[2] <= query[2]
        for query, key in product(row, row)
    ]
    return torch.tensor(seen).reshape(len(row), len(row))


def random_inputs(length: int, key_heads: int = HEADS, size: float = 1.0) -> Inputs:
    generator = torch.Generator().manual_seed(0)
    shapes = [(1, length, heads, WIDTH) for heads in (HEADS, key_heads, key_heads)]
    made = [torch.randn(shape, generator=generator) for shape in shapes]
    made[0] *= size
    return Inputs(*(x.transpose(1, 2).requires_grad_() for x in made))


def attend(inputs: Inputs, made: Kernel) -> Tensor:
    return made(*inputs, SCALE)


def dense(inputs: Inputs, mask: Tensor) -> Tensor:
    """Softmax attention written out; shape (1, T, H, D)."""
    keys, values = (x.repeat_interleave(HEADS // x.shape[1], 1) for x in inputs[1:])
    scores = (inputs.query @ keys.mT * SCALE).masked_fill(~mask, -math.inf)
    return (scores.softmax(-1) @ values).transpose(1, 2)


def exact(inputs: Inputs, mask: Tensor) -> list[Tensor]:
    """Output and gradients in float64."""
    wide = inputs.to(torch.float64)
    return with_gradients(wide, dense(wide, mask))


def with_gradients(inputs: Inputs, output: Tensor) -> list[Tensor]:
    """Output, and gradients of its sum under fixed weights."""
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    slopes = torch.autograd.grad((output * weights.to(output)).sum(), inputs)
    return [output.detach(), *slopes]


def errors(found: list[Tensor], true: list[Tensor]) -> list[float]:
    """Relative errors of output and gradients."""
    return [float((a - b).norm() / b.norm()) for a, b in zip(found, true, strict=True)]


@pytest.mark.parametrize("long", [shared_prompts.LONG, 4, 1])
@pytest.mark.parametrize("key_heads", [1, 2, 4])
@settings(max_examples=15)
@given(batch=completions())
def test_shared_prompts_and_gradients(key_heads: int, long: int, batch: list[Completion]) -> None:
    """With sequences padded together, some of them alone, and all of them alone."""
    mask = visible(batch)
    inputs = random_inputs(len(mask), key_heads)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_prompts, "LONG", long)
        made = kernel("shared prompts", batch)
    ours = with_gradients(inputs, attend(inputs, made))
    for found, true in zip(ours, exact(inputs, mask), strict=True):
        torch.testing.assert_close(found, true.float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("key_heads", [1, 2, 4])
@settings(max_examples=5)
@given(batch=completions())
def test_flex_attention(key_heads: int, batch: list[Completion]) -> None:
    mask = visible(batch)
    inputs = Inputs(*(x.detach() for x in random_inputs(len(mask), key_heads)))
    output = attend(inputs, kernel("FlexAttention", batch))
    torch.testing.assert_close(output, dense(inputs, mask), rtol=1e-4, atol=1e-5)


def test_scores_of_a_hundred() -> None:
    """No worse than dense attention in float32, and within its own rounding: 100 ε is 1e-5."""
    batch = [c for shape in SHAPES.values() for c in shape]
    mask = visible(batch)
    inputs = random_inputs(len(mask), size=40)
    scores = inputs.query @ inputs.key.mT * SCALE
    assert 100 < scores.abs().max() < 300
    true = exact(inputs, mask)
    ours = errors(with_gradients(inputs, attend(inputs, kernel("shared prompts", batch))), true)
    theirs = errors(with_gradients(inputs, dense(inputs, mask)), true)
    assert all(a < max(1e-5, 3 * b) for a, b in zip(ours, theirs, strict=True))


def test_bfloat16() -> None:
    """Within a few roundings (2⁻⁸) of float64 on the same rounded inputs."""
    batch = SHAPES["one prompt in separate places"]
    mask = visible(batch)
    inputs = random_inputs(len(mask), 2).to(torch.bfloat16)
    made = attend(inputs, kernel("shared prompts", batch))
    ours = with_gradients(inputs, made)
    assert all(x.dtype is torch.bfloat16 for x in ours)
    assert max(errors(ours, exact(inputs, mask))) < 3 * 2**-8


@pytest.mark.parametrize("name", KERNELS)
def test_the_future_and_other_responses_are_unseen(name: str) -> None:
    """Changing keys and values that a token must not see leaves its output to the last bit."""
    batch = SHAPES["one prompt in separate places"]
    mask, made = visible(batch), kernel(name, batch)
    query, key, value = (x.detach() for x in random_inputs(len(mask)))
    before = made(query, key, value, SCALE)
    for place in range(len(mask)):
        key_there, value_there = key.clone(), value.clone()
        key_there[:, :, place] += 3
        value_there[:, :, place] -= 3
        after = made(query, key_there, value_there, SCALE)
        moved = (after != before).any(-1).any(-1)[0]
        assert torch.equal(moved, mask[:, place])
