"""Costs of evaluation: samples of policies, their rewards, margins, and the judge."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hps_bench.cell import Cell
from hps_bench.cost.amounts import forward_flops
from hps_bench.cost.estimate import Estimate
from hps_bench.cost.items import Item
from hps_bench.cost.parts import JUDGE
from hps_bench.cost.workload import RESULTS, Batch

BASELINE = "sft"
BACKWARD_FORWARDS = 2
"""FLOPs of a backward pass, in forward passes, at most: those of an adapter are fewer."""
STORED_COPIES = 2
"""Of a policy's samples in the store: as they are drawn, and with their rewards."""


@dataclass(frozen=True)
class Drawing:
    """Samples of one policy on a test split, scored.

    Attributes:
        prompts: that are sampled for.
        tokens: sampled.
        flops: of sampling and scoring.
        hours: of sampling and scoring.
        stored: bytes in the store.
    """

    prompts: int
    tokens: int
    flops: float
    hours: float
    stored: float


def samples(estimate: Estimate) -> Iterator[Item]:
    """Samples of policies; by jobs of their own where vLLM draws them.

    Their place on disk is the same where evaluations draw them.
    """
    for batch in estimate.workload.batches:
        yield _batch_job(estimate, batch)
    for cell in estimate.workload.evaluated:
        drawn = _drawing(estimate, cell.evaluated_on, adapter=_has_adapter(estimate))
        item = Item("samples", cell.method, cell.evaluated_on, stored=drawn.stored)
        together = cell in estimate.workload.sampled_together
        yield _with_drawing(item, drawn) if together else item
    for name in estimate.workload.evaluated_on:
        drawn = _drawing(estimate, name, adapter=False)
        yield Item("samples", BASELINE, name, stored=drawn.stored)


def evaluations(estimate: Estimate) -> Iterator[Item]:
    """Margins of policies, and the samples that no other job draws."""
    for cell in estimate.workload.evaluated:
        item = _margins(estimate, cell)
        if cell not in estimate.workload.sampled_together:
            drawn = _drawing(estimate, cell.evaluated_on, adapter=_has_adapter(estimate))
            item = _with_start(_with_drawing(item, drawn), _drawing_start(estimate))
        yield replace(item, longest=item.device_hours)
    for name in estimate.workload.evaluated_on:
        yield _baseline(estimate, name)


def trajectories(estimate: Estimate) -> Iterator[Item]:
    """Snapshots of policies: gradients of both responses of human pairs, and KL."""
    given = estimate.config.trajectory
    for cell in estimate.workload.followed:
        assert given is not None
        name, points = cell.trained_on, estimate.config.training.snapshots + 2
        pairs = points * min(given.pairs, estimate.sizes[name].test)
        item = _trajectory(estimate, name, pairs)
        start = estimate.machine.start_hours(points)
        yield replace(
            item,
            method=cell.method,
            start_hours=start,
            longest=item.hours + start,
            stored=estimate.disk.records(pairs),
        )


def judgements(estimate: Estimate) -> Iterator[Item]:
    """Scores by the judge; a toy judge takes no device, an API none of ours."""
    for name in estimate.workload.judged_on:
        yield _judgement(estimate, name)


def tables(estimate: Estimate) -> Iterator[Item]:
    """Tables, figures, pages, and tracking; no device."""
    counts = estimate.workload.jobs
    jobs = sum(counts.get(rule, 0) for rule in RESULTS)
    if jobs:
        yield Item("tables", jobs=jobs)


def sampled_prompts(estimate: Estimate, dataset: str) -> int:
    """Test prompts that policies are sampled on."""
    test, most = estimate.sizes[dataset].test, estimate.config.evaluation.sample_prompts
    return test if most is None else min(test, most)


def _drawing(estimate: Estimate, dataset: str, *, adapter: bool) -> Drawing:
    given, texts = estimate.config.evaluation, estimate.texts(dataset)
    policy, evaluator = estimate.models["policy"], estimate.models["evaluator"]
    prompts, lengths = sampled_prompts(estimate, dataset), [texts.response] * given.samples
    tokens = prompts * sum(lengths)
    shared = estimate.config.rewards.backend == "vllm"
    scoring = prompts * forward_flops(evaluator.without_head, texts.prompt, lengths, shared=shared)
    sampling = estimate.machine.sampling_hours(
        tokens, policy, vllm=given.backend == "vllm", adapter=adapter
    )
    rows = STORED_COPIES * prompts * given.samples
    return Drawing(
        prompts=prompts,
        tokens=tokens,
        flops=scoring + prompts * policy.frozen.forward_flops(texts.prompt, lengths),
        hours=sampling + estimate.machine.scoring_hours(scoring),
        stored=estimate.disk.rows(rows, texts.response),
    )


def _batch_job(estimate: Estimate, batch: Batch) -> Item:
    """The job itself; what it does for each policy is in items of their own."""
    drawn = _drawing(estimate, batch.evaluated_on, adapter=_has_adapter(estimate))
    engines = 2 if _has_adapter(estimate) else 1 + len(batch.cells)
    start = estimate.machine.start_hours(engines, vllm=True)
    return Item(
        "samples",
        dataset=batch.evaluated_on,
        jobs=1,
        start_hours=start,
        longest=len(batch.cells) * drawn.hours + start,
    )


def _margins(estimate: Estimate, cell: Cell) -> Item:
    """Log-probabilities of test responses, and of human pairs and own samples under both models."""
    name = cell.evaluated_on
    texts, shape = estimate.texts(name), estimate.models["policy"].frozen
    test, sampled = estimate.sizes[name].test, sampled_prompts(estimate, name)
    lengths = estimate.test_lengths(name)
    own = [texts.response] * estimate.config.evaluation.samples
    flops = test * shape.forward_flops(texts.prompt, lengths)
    flops += 2 * test * shape.forward_flops(texts.prompt, [texts.human])
    flops += 2 * sampled * shape.forward_flops(texts.prompt, own)
    tokens = test * (len(lengths) * texts.prompt + sum(lengths))
    tokens += test * (texts.prompt + texts.human)
    tokens += sampled * (len(own) * texts.prompt + sum(own))
    return Item(
        "evaluate",
        cell.method,
        name,
        jobs=1,
        prompts=test,
        tokens=tokens,
        flops=flops,
        hours=estimate.machine.scoring_hours(flops),
        start_hours=estimate.machine.start_hours(1),
        stored=_stored(estimate, name),
    )


def _trajectory(estimate: Estimate, name: str, pairs: int) -> Item:
    """So many pairs at some point of training, each computed once and differentiated twice."""
    texts, shape = estimate.texts(name), estimate.models["policy"].frozen
    both = shape.forward_flops(texts.prompt, [texts.human] * 2)
    kl = 2 * shape.forward_flops(texts.prompt, [texts.human])
    flops = pairs * ((1 + 2 * BACKWARD_FORWARDS) * both + kl)
    return Item(
        "trajectory",
        dataset=name,
        jobs=1,
        prompts=pairs,
        tokens=pairs * 2 * (texts.prompt + texts.human),
        flops=flops,
        hours=estimate.machine.training_hours(flops),
    )


def _baseline(estimate: Estimate, name: str) -> Item:
    """The SFT model: samples without margins, and rewards of the human pairs."""
    texts, evaluator = estimate.texts(name), estimate.models["evaluator"]
    shared = estimate.config.rewards.backend == "vllm"
    flops = sampled_prompts(estimate, name) * forward_flops(
        evaluator.without_head, texts.prompt, [texts.human] * 2, shared=shared
    )
    item = Item(
        "evaluate",
        BASELINE,
        name,
        jobs=1,
        flops=flops,
        hours=estimate.machine.scoring_hours(flops),
        start_hours=estimate.machine.start_hours(1),
        stored=_stored(estimate, name),
    )
    drawn = _drawing(estimate, name, adapter=False)
    item = _with_start(_with_drawing(item, drawn), _drawing_start(estimate))
    return replace(item, longest=item.device_hours)


def _judgement(estimate: Estimate, name: str) -> Item:
    given, texts = estimate.config.judge, estimate.texts(name)
    assert given is not None
    policies = len(estimate.workload.suite.judged_samples(name))
    prompts = sampled_prompts(estimate, name)
    replies = prompts * given.samples
    scores = policies * replies * (1 + given.repeat_share)
    pairs = 2 * math.comb(policies, 2) * replies if given.pairwise else 0
    frame = round(estimate.assumptions.value("judge_frame_tokens"))
    answer = estimate.assumptions.value("judge_answer_tokens")
    asked = scores * (texts.prompt + texts.response + frame)
    asked += pairs * (texts.prompt + 2 * texts.response + frame)
    answered = (scores + pairs) * answer
    item = Item(
        "judge",
        dataset=name,
        jobs=1,
        prompts=prompts * policies,
        tokens=asked + answered,
        stored=2 * estimate.disk.rows(scores + pairs, answer, numbers=5),
    )
    if JUDGE not in estimate.models:
        return item
    return _served(estimate, item, scores, pairs, frame, answered)


def _served(
    estimate: Estimate, item: Item, scores: float, pairs: float, frame: int, answered: float
) -> Item:
    """The same on devices of ours: questions are read whole but for the rubric, which is kept."""
    judge, texts = estimate.models[JUDGE], estimate.texts(item.dataset)
    gpus = max(1, estimate.workload.suite.judge_gpus)
    one = judge.without_head.forward_flops(texts.prompt, [texts.response + frame])
    two = judge.without_head.forward_flops(texts.prompt, [2 * texts.response + frame])
    reading = scores * one + pairs * two
    hours = estimate.machine.scoring_hours(reading)
    hours += estimate.machine.sampling_hours(answered, judge, vllm=True, adapter=False)
    start = estimate.machine.start_hours(gpus, vllm=True)
    return replace(
        item,
        flops=reading + answered * judge.frozen.forward_flops(1, [1]),
        hours=hours,
        start_hours=start,
        longest=(hours + start) / gpus,
        gpus=gpus,
    )


def _stored(estimate: Estimate, name: str) -> float:
    """Records and samples of one evaluation."""
    rows = sampled_prompts(estimate, name) * estimate.config.evaluation.samples
    tokens = estimate.texts(name).response
    return estimate.disk.records(estimate.sizes[name].test) + estimate.disk.rows(rows, tokens)


def _has_adapter(estimate: Estimate) -> bool:
    return estimate.config.training.lora is not None


def _drawing_start(estimate: Estimate) -> float:
    """Loading of policy and evaluator in a job that draws samples beside its other work."""
    vllm = estimate.config.evaluation.backend == "vllm"
    scoring = estimate.config.rewards.backend == "vllm"
    start = estimate.machine.start_hours
    return start(1, vllm=vllm) + start(1, vllm=scoring)


def _with_start(item: Item, hours: float) -> Item:
    return replace(item, start_hours=item.start_hours + hours)


def _with_drawing(item: Item, drawn: Drawing) -> Item:
    return replace(
        item,
        prompts=item.prompts + drawn.prompts,
        tokens=item.tokens + drawn.tokens,
        flops=item.flops + drawn.flops,
        hours=item.hours + drawn.hours,
    )
