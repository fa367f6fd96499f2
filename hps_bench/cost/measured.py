"""What finished stages have cost, beside what was expected of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hps_bench.cost.bill import Bill
from hps_bench.cost.estimate import Estimate
from hps_bench.cost.items import STAGES, Item
from hps_bench.cost.learning import training
from hps_bench.errors import UserError
from hps_bench.records import read_json
from hps_bench.stages import MANIFEST
from hps_bench.tables.cost import read_costs

if TYPE_CHECKING:
    from hps_bench.workflow import Workflow

FOLDERS = {
    "prompts": "prompts",
    "models": "models",
    "responses": "responses",
    "rewards": "rewards",
    "plan": "plans",
    "reference": "reference",
    "train": "policies",
    "samples": "samples",
    "evaluate": "evaluations",
    "trajectory": "trajectories",
    "judge": "judge",
}
"""Folder of each stage that writes records."""
_SECONDS = 3600


@dataclass(frozen=True)
class Measured:
    """One stage as it went, and as it was expected to go as far as it is finished.

    Attributes:
        stage: its name.
        finished: jobs whose records are there.
        jobs: jobs there are to be.
        expected_hours: device hours expected of the finished jobs.
        hours: device hours that they took, failed attempts at training included.
        expected_bytes: of the stage when it is whole.
        stored: bytes on disk.
        expected_flops: of finished trainings; 0 for other stages.
        flops: that they counted.
    """

    stage: str
    finished: int
    jobs: int
    expected_hours: float
    hours: float
    expected_bytes: float
    stored: int
    expected_flops: float = 0
    flops: float = 0


@dataclass(frozen=True)
class Records:
    """Records of a results folder.

    Attributes:
        stages: those that have any.
        devices: that trained policies, as they were recorded.
    """

    stages: tuple[Measured, ...]
    devices: tuple[str, ...]


def records_of(estimate: Estimate, bill: Bill) -> Records | None:
    """What is on record of a config; None if nothing is.

    Raises:
        UserError: a policy's ``training.json`` lacks a field.
    """
    found = tuple(stage for stage in _stages(estimate, bill) if stage.finished)
    suite = estimate.workload.suite
    costs = read_costs(Path(suite.results), estimate.workload.policies)
    devices = sorted({f"{cost.device} × {cost.processes}" for cost in costs.values()})
    return Records(found, tuple(devices)) if found else None


def _stages(estimate: Estimate, bill: Bill) -> Iterator[Measured]:
    lines = {line.item.stage: line.item for line in bill.stages}
    for stage in STAGES:
        if stage in FOLDERS and stage in lines:
            make = _training if stage == "train" else _of_manifests
            yield make(estimate, lines[stage])


def _of_manifests(estimate: Estimate, item: Item) -> Measured:
    """A stage whose jobs wrote manifests with their seconds."""
    suite = estimate.workload.suite
    folder = Path(suite.results) / FOLDERS[item.stage]
    seconds = list(_wall_seconds(folder.rglob(f"*{MANIFEST}")))
    devices = max(1, suite.judge_gpus) if item.stage == "judge" else 1
    # A tokenizer is a job without a manifest.
    jobs = item.jobs - 1 if item.stage == "models" else item.jobs
    finished = min(len(seconds), jobs)
    return Measured(
        stage=item.stage,
        finished=finished,
        jobs=jobs,
        expected_hours=item.device_hours * finished / jobs if jobs else 0,
        hours=sum(seconds) * devices / _SECONDS,
        expected_bytes=item.stored,
        stored=_stored(suite, item.stage),
    )


def _training(estimate: Estimate, item: Item) -> Measured:
    """Training, whose finished policies are known one by one."""
    suite = estimate.workload.suite
    costs = read_costs(Path(suite.results), estimate.workload.policies)
    expected = [training(estimate, cell) for cell in costs]
    return Measured(
        stage=item.stage,
        finished=len(costs),
        jobs=item.jobs,
        expected_hours=sum(one.device_hours for one in expected),
        hours=sum(cost.device_seconds for cost in costs.values()) / _SECONDS,
        expected_bytes=item.stored,
        stored=_stored(suite, item.stage),
        expected_flops=sum(one.model_flops for one in expected),
        flops=sum(cost.flops for cost in costs.values()),
    )


def _wall_seconds(manifests: Iterable[Path]) -> Iterator[float]:
    """Seconds of each manifest that has any."""
    for path in manifests:
        try:
            recorded = read_json(path)
        except (UserError, OSError):
            continue
        seconds = recorded.get("wall_seconds") if isinstance(recorded, dict) else None
        if isinstance(seconds, int | float):
            yield float(seconds)


def _stored(suite: Workflow, stage: str) -> int:
    """Bytes of a stage's files."""
    folder = Path(suite.results) / FOLDERS[stage]
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
