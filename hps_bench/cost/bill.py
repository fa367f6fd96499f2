"""Costs of all stages together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from hps_bench.cost import evaluating, learning, preparing
from hps_bench.cost.estimate import Estimate
from hps_bench.cost.items import STAGES, Item, wall_hours

COSTS: tuple[Callable[[Estimate], Iterator[Item]], ...] = (
    preparing.weights,
    preparing.prompts,
    preparing.models,
    preparing.responses,
    preparing.rewards,
    learning.plans,
    learning.references,
    learning.trainings,
    evaluating.samples,
    evaluating.evaluations,
    evaluating.trajectories,
    evaluating.judgements,
    evaluating.tables,
)


@dataclass(frozen=True)
class Line:
    """What a stage, or a stage for one method, costs.

    Attributes:
        item: sums; its data set and split are empty where there are several.
        wall_hours: on the devices at hand; None for a part of a stage.
        usd: of its device hours.
    """

    item: Item
    wall_hours: float | None
    usd: float


@dataclass(frozen=True)
class Bill:
    """Costs of a config.

    Attributes:
        items: of all stages.
        devices: at hand.
        usd_per_hour: of a device.
        watts: of a device at most.
    """

    items: tuple[Item, ...]
    devices: int
    usd_per_hour: float
    watts: float

    @property
    def device_hours(self) -> float:
        """Hours of all devices together."""
        return sum(item.device_hours for item in self.items)

    @property
    def usd(self) -> float:
        """US dollars of device hours."""
        return self.device_hours * self.usd_per_hour

    @property
    def kilowatt_hours(self) -> float:
        """Energy of devices at their power limit."""
        return self.device_hours * self.watts / 1000

    @property
    def wall_hours(self) -> float:
        """Hours of all stages, one after the other."""
        return sum(self._wall(stage) for stage in STAGES)

    @property
    def total(self) -> Line:
        """Everything."""
        return Line(_summed(self.items, "total"), self.wall_hours, self.usd)

    @property
    def stages(self) -> list[Line]:
        """A line for each stage that there is."""
        found = [stage for stage in STAGES if self._of(stage)]
        return [self._line(self._of(stage), stage, self._wall(stage)) for stage in found]

    def methods(self, stage: str) -> list[Line]:
        """Lines of a stage by method, if some of its work belongs to one."""
        own = self._of(stage)
        names = dict.fromkeys(item.method for item in own if item.method)
        return [self._line((i for i in own if i.method == name), name) for name in names]

    def parts(self) -> list[Item]:
        """Items by stage, method, data set and split."""
        keys = dict.fromkeys(_key(item) for item in self.items)
        groups: Mapping[tuple[str, ...], list[Item]] = {key: [] for key in keys}
        for item in self.items:
            groups[_key(item)].append(item)
        return [
            replace(_summed(own, key[0]), method=key[1], dataset=key[2], split=key[3])
            for key, own in groups.items()
        ]

    def _of(self, stage: str) -> list[Item]:
        return [item for item in self.items if item.stage == stage]

    def _wall(self, stage: str) -> float:
        return wall_hours(self._of(stage), self.devices)

    def _line(self, items: Iterable[Item], name: str, wall: float | None = None) -> Line:
        item = _summed(items, name)
        return Line(item, wall, item.device_hours * self.usd_per_hour)


def bill_of(estimate: Estimate, devices: int, usd_per_hour: float) -> Bill:
    """Costs of a config on so many devices."""
    items = tuple(chain.from_iterable(cost(estimate) for cost in COSTS))
    return Bill(items, devices, usd_per_hour, estimate.machine.device.watts)


def _key(item: Item) -> tuple[str, str, str, str]:
    return item.stage, item.method, item.dataset, item.split


def _summed(items: Iterable[Item], name: str) -> Item:
    """Sum of items under a name."""
    own = list(items)
    return Item(
        name,
        jobs=sum(item.jobs for item in own),
        prompts=sum(item.prompts for item in own),
        tokens=sum(item.tokens for item in own),
        flops=sum(item.flops for item in own),
        model_flops=sum(item.model_flops for item in own),
        hours=sum(item.hours for item in own),
        start_hours=sum(item.start_hours for item in own),
        longest=max((item.longest for item in own), default=0),
        gpus=max((item.gpus for item in own), default=1),
        stored=sum(item.stored for item in own),
    )
