"""FLOPs of what stages do to one prompt, and which responses plans name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hps_bench.cost.shapes import Model
from hps_bench.plan.comparisons import ranking
from hps_bench.plan.settings import BradleyTerry, HardPreferenceSampling, Method, PlackettLuce

if TYPE_CHECKING:
    from hps_bench.training.flops import ModelShape
    from hps_bench.training.settings import Lora

SAVED_PER_LAYER, AT_WORK = 22, 44
"""Activations of a layer in hidden sizes per token, as training reckons with them."""


@dataclass(frozen=True)
class Texts:
    """Lengths of one prompt's texts, tokens.

    Attributes:
        prompt: of the prompt.
        response: of each sampled response with its end.
        human: of each response of the data set.
    """

    prompt: int
    response: int
    human: int


@dataclass(frozen=True)
class TrainingWork:
    """What training on one visit of a prompt takes.

    Attributes:
        comparisons: in the loss.
        tokens: of responses, a prompt counted for each of its responses.
        model_flops: the fewest that give the gradient, as ``training.json`` counts them.
        flops: with what is computed again for want of memory, and mismatched pairs.
    """

    comparisons: int
    tokens: int
    model_flops: int
    flops: int


def comparison_sizes(method: Method, responses: int) -> list[int]:
    """Responses in each comparison of one visit.

    Args:
        method: preference model.
        responses: n, different ones.
    """
    match method:
        case BradleyTerry():
            return [2]
        case PlackettLuce():
            return [min(method.list_size or responses, responses)]
        case HardPreferenceSampling():
            winners = 1 if method.second_winner_weight is None or responses < 3 else 2
            if method.estimator == "full":
                return [responses - winner for winner in range(winners)]
            return [2] * winners


def training_work(
    policy: Model,
    lora: Lora | None,
    sizes: Sequence[int],
    texts: Texts,
    budget: int,
    *,
    mismatched: bool = False,
) -> TrainingWork:
    """What one visit takes.

    Args:
        policy: the model that is trained.
        lora: its adapter; None trains all weights.
        sizes: responses in each comparison.
        texts: lengths.
        budget: tokens whose activations fit into memory.
        mismatched: whether a mismatched pair is computed for each visit, too.
    """
    shape = policy.trained(lora)
    lengths = [[texts.response] * size for size in sizes]
    model_flops = sum(shape.training_flops(texts.prompt, own) for own in lengths)
    again = sum(_repeated_flops(policy, lora, texts.prompt, own, budget) for own in lengths)
    other = shape.forward_flops(texts.prompt, [texts.response]) if mismatched else 0
    return TrainingWork(
        comparisons=len(sizes),
        tokens=sum(sizes) * (texts.prompt + texts.response),
        model_flops=model_flops,
        flops=model_flops + again + other,
    )


def _repeated_flops(
    policy: Model, lora: Lora | None, prompt: int, lengths: Sequence[int], budget: int
) -> int:
    """FLOPs beyond the fewest: logits of a head that is trained, and what does not fit.

    The strategies are those of ``hps_bench.training.backpropagation``: one pass; one pass that
    recomputes layers; two passes over chunks.
    """
    return _logits_again(policy, lora, lengths) + _layers_again(
        policy, lora, prompt, lengths, budget
    )


def _logits_again(policy: Model, lora: Lora | None, lengths: Sequence[int]) -> int:
    """A head that is trained makes its logits once more in the backward pass."""
    head = policy.trained(lora).head
    return head.forward_flops * sum(lengths) if head.trained else 0


def _layers_again(
    policy: Model, lora: Lora | None, prompt: int, lengths: Sequence[int], budget: int
) -> int:
    shape = policy.trained(lora)
    room = budget * policy.layers * SAVED_PER_LAYER // (policy.layers + AT_WORK)
    tokens = prompt + sum(lengths) - len(lengths)
    if tokens <= budget:
        return 0
    if tokens <= room or len(lengths) == 1:
        return policy.once_more(lora).forward_flops(prompt, lengths)
    in_chunk = max(1, (budget - prompt) // max(1, lengths[0] - 1))
    chunks = [lengths[i : i + in_chunk] for i in range(0, len(lengths), in_chunk)]
    first = sum(shape.forward_flops(prompt, own) for own in chunks)
    second = sum(
        shape.training_flops(prompt, own) + _layers_again(policy, lora, prompt, own, budget)
        for own in chunks
    )
    return first + second - shape.training_flops(prompt, lengths)


def forward_flops(
    shape: ModelShape, prompt: int, lengths: Sequence[int], *, shared: bool = True
) -> int:
    """FLOPs of a forward pass over responses to a prompt, which they share or repeat."""
    if shared:
        return shape.forward_flops(prompt, lengths)
    return sum(shape.forward_flops(prompt, [length]) for length in lengths)


@dataclass(frozen=True)
class Named:
    """Which responses a plan names for a prompt: some by rank, some by draws.

    Attributes:
        ranks: places in the ranked list of n.
        draws: draws of one of the others.
    """

    ranks: frozenset[int]
    draws: int


def named_by(method: Method, responses: int, epochs: int) -> Named:
    """What one plan names for a prompt with so many different responses."""
    match method:
        case BradleyTerry():
            return Named(frozenset({0, responses - 1}), 0)
        case PlackettLuce():
            positions = ranking(np.zeros(responses), method.list_size).positions
            return Named(frozenset(positions.tolist()), 0)
        case HardPreferenceSampling():
            winners = len(comparison_sizes(method, responses))
            if method.estimator == "full":
                return Named(frozenset(range(responses)), 0)
            return Named(frozenset(range(winners)), winners * epochs)


def expected_union(named: Iterable[tuple[int, Named]]) -> float:
    """How many different responses of a prompt several plans name together, expected.

    Lists are nested: n takes the first n of the same samples. The response of a rank is any of
    the n, and the same one for all plans of that n; ranks at different n, and draws, are taken
    as independent, draws as uniform over the others. Draws of hard or easy negatives agree more
    often, so that this is an upper bound.

    Args:
        named: n and what is named, of each plan.
    """
    ranks: dict[int, set[int]] = {}
    draws: dict[int, int] = {}
    for responses, one in named:
        ranks.setdefault(responses, set()).update(one.ranks)
        draws[responses] = draws.get(responses, 0) + one.draws
    return sum(
        1 - math.prod(_missed(n, len(ranks[n]), draws[n]) for n in ranks if place < n)
        for place in range(max(ranks, default=0))
    )


def _missed(responses: int, ranks: int, draws: int) -> float:
    """Probability that a response is named neither by rank nor by a draw."""
    by_draw = (1 - 1 / (responses - 1)) if responses > 1 else 0.0
    return (1 - ranks / responses) * by_draw**draws
