"""Costs of plans, reference log-probabilities and training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hps_bench.cost.amounts import (
    comparison_sizes,
    expected_union,
    named_by,
    training_work,
)
from hps_bench.cost.estimate import Estimate
from hps_bench.cost.items import Item
from hps_bench.cost.workload import PlanKey

if TYPE_CHECKING:
    from hps_bench.cell import Cell
    from hps_bench.plan.settings import Method


def plans(estimate: Estimate) -> Iterator[Item]:
    """Drawing of plans; no device."""
    for plan in estimate.workload.plans:
        visits = estimate.sizes[plan.dataset].train * estimate.config.plan.epochs
        sizes = comparison_sizes(*_list_of(estimate, plan))
        yield Item(
            "plan",
            plan.method,
            plan.dataset,
            jobs=1,
            prompts=visits,
            stored=estimate.disk.plan(visits * len(sizes), visits * sum(sizes)),
        )


def references(estimate: Estimate) -> Iterator[Item]:
    """Reference log-probabilities: what the plans of a data set name together, and test splits.

    Jobs add to one store, one at a time; each keeps a copy of what its plan names.
    """
    for name in estimate.workload.trained_on:
        own = [plan for plan in estimate.workload.plans if plan.dataset == name]
        size, epochs = estimate.sizes[name], estimate.config.plan.epochs
        named = [
            (n, named_by(method, n, epochs))
            for method, n in (_list_of(estimate, plan) for plan in own)
        ]
        union = expected_union(named)
        others = [plan for plan in own if estimate.workload.needs_mismatched(plan)]
        copies = sum(expected_union([one]) for one in named) * size.train
        yield _reference(
            estimate,
            name,
            jobs=len(own),
            prompts=size.train,
            lengths=[size.response] * round(union),
            mismatched=len(others) * size.train * epochs,
            copies=copies + len(others) * size.train * epochs,
        )
    for name in estimate.workload.evaluated_on:
        lengths = estimate.test_lengths(name)
        test = estimate.sizes[name].test
        copies = test * len(lengths)
        yield _reference(estimate, name, jobs=1, prompts=test, lengths=lengths, copies=copies)


def _reference(
    estimate: Estimate,
    name: str,
    *,
    jobs: int,
    prompts: int,
    lengths: list[int],
    mismatched: int = 0,
    copies: float,
) -> Item:
    texts, shape = estimate.texts(name), estimate.models["policy"].frozen
    flops = prompts * shape.forward_flops(texts.prompt, lengths)
    flops += mismatched * shape.forward_flops(texts.prompt, [texts.response])
    rows = prompts * len(lengths) + mismatched
    start = estimate.machine.start_hours(jobs)
    hours = estimate.machine.scoring_hours(flops)
    return Item(
        "reference",
        dataset=name,
        jobs=jobs,
        prompts=prompts,
        tokens=prompts * (len(lengths) * texts.prompt + sum(lengths))
        + mismatched * (texts.prompt + texts.response),
        flops=flops,
        hours=hours,
        start_hours=start,
        serial=True,
        stored=estimate.disk.rows(rows + copies, texts.prompt + texts.response),
    )


def trainings(estimate: Estimate) -> Iterator[Item]:
    """Training, a job for each policy."""
    for cell in estimate.workload.policies:
        yield training(estimate, cell)


def training(estimate: Estimate, cell: Cell) -> Item:
    """Training of one policy."""
    given, machine, policy = estimate.config.training, estimate.machine, estimate.models["policy"]
    plan = PlanKey(cell.trained_on, cell.method, cell.responses, cell.seed)
    work = training_work(
        policy,
        given.lora,
        comparison_sizes(*_list_of(estimate, plan)),
        estimate.texts(cell.trained_on),
        given.micro_batch_tokens,
        mismatched=estimate.workload.is_mismatched(cell),
    )
    visits = estimate.sizes[cell.trained_on].train * estimate.config.plan.epochs
    hours, start = machine.training_hours(visits * work.flops), machine.start_hours(1)
    return Item(
        "train",
        cell.method,
        cell.trained_on,
        jobs=1,
        prompts=visits,
        tokens=visits * work.tokens,
        flops=visits * work.flops,
        model_flops=visits * work.model_flops,
        hours=hours,
        start_hours=start,
        longest=hours + start,
        stored=estimate.disk.policy(policy, given.lora, visits / given.batch_size)
        + estimate.disk.snapshots(policy, given.lora, given.snapshots),
    )


def _list_of(estimate: Estimate, plan: PlanKey) -> tuple[Method, int]:
    """Method of a plan, and different responses in its lists."""
    method = estimate.config.all_methods[plan.method]
    return method, estimate.candidates(plan.dataset, plan.responses)
