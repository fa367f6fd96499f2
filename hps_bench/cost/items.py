"""The unit of a cost: what one stage does for one method on one data set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

STAGES = (
    "weights",
    "prompts",
    "models",
    "responses",
    "rewards",
    "plan",
    "reference",
    "train",
    "samples",
    "evaluate",
    "trajectory",
    "judge",
    "tables",
)
"""Stages in the order in which they run; ``weights`` are what is fetched from the hub."""


@dataclass(frozen=True)
class Item:
    """Cost of a part of a stage.

    Attributes:
        stage: one of ``STAGES``.
        method: preference model; empty where methods share the work.
        dataset: trained on, or evaluated on; empty where data sets share the work.
        split: train or test, where a stage has both.
        jobs: that the workflow starts; 0 where a job's work is divided among several items.
        prompts: prompts worked on, each time that they are.
        tokens: sampled, or of responses that are read, a prompt counted for each of them.
        flops: computed.
        model_flops: of training, the fewest that give the gradient, as ``training.json`` has them.
        hours: of all devices together, without the start of jobs.
        start_hours: of devices in jobs that load their models.
        longest: hours of the longest job, its start included.
        gpus: devices of a job.
        serial: whether jobs run one at a time.
        stored: bytes that stay on disk.
    """

    stage: str
    method: str = ""
    dataset: str = ""
    split: str = ""
    jobs: int = 0
    prompts: int = 0
    tokens: float = 0
    flops: float = 0
    model_flops: float = 0
    hours: float = 0
    start_hours: float = 0
    longest: float = 0
    gpus: int = 1
    serial: bool = False
    stored: float = 0

    @property
    def device_hours(self) -> float:
        """Hours of all devices together."""
        return self.hours + self.start_hours


def wall_hours(items: Iterable[Item], devices: int) -> float:
    """Hours that a stage takes on so many devices, at least.

    Jobs are spread evenly, but no stage is over before its longest job.
    """
    listed = [item for item in items if item.device_hours]
    if not listed:
        return 0.0
    gpus = max(item.gpus for item in listed)
    at_once = 1 if any(item.serial for item in listed) else max(1, devices // gpus)
    spread = sum(item.device_hours for item in listed) / gpus / at_once
    return max(spread, *(item.longest for item in listed))
