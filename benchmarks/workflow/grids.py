"""Configs of growing grids, made from the paper's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.training.protocol import ROOT
from hps_bench.config import load_config
from hps_bench.grid import grid

PAPER = ROOT / "config" / "paper.yaml"


@dataclass(frozen=True)
class Grid:
    """A grid of cells.

    Attributes:
        name: also of its config and results.
        title: what it is, for tables.
        change: changes the values of the paper's config.
    """

    name: str
    title: str
    change: Callable[[dict[str, Any]], None]

    def write(self, folder: Path) -> Path:
        """Write its config."""
        values = yaml.safe_load(PAPER.read_text(encoding="utf-8"))
        self.change(values)
        path = folder / f"{self.name}.yaml"
        path.write_text(yaml.safe_dump({**values, "name": self.name}), encoding="utf-8")
        return path


def sizes(config: Path) -> dict[str, int]:
    """Policies and evaluations of a grid."""
    found = grid(load_config(config))
    return {"policies": len({cell.policy_path for cell in found}), "evaluations": len(found)}


def _as_it_is(values: dict[str, Any]) -> None:
    """Change nothing."""


def _seeds(count: int) -> Callable[[dict[str, Any]], None]:
    def change(values: dict[str, Any]) -> None:
        for experiment in values["experiments"].values():
            experiment["seeds"] = list(range(count))

    return change


def _least(values: dict[str, Any]) -> None:
    """One policy on one data set, a table and a figure."""
    values["responses"]["parts"] = 1
    axes = values["experiments"]["fine-tuning"]
    only = {"rewards": ["dpo"], "methods": ["hps"], "datasets": ["hh-rlhf"], "seeds": [0]}
    values["experiments"] = {"fine-tuning": {**axes, **only}}
    values["tables"] = {"table2": ["fine-tuning"]}
    values["figures"] = {"training-curves": ["fine-tuning"]}
    values["trajectory"] = {"experiments": ["fine-tuning"]}
    values["study"] = {"experiment": "fine-tuning", "methods": ["hps"]}


GRIDS = {
    made.name: made
    for made in (
        Grid("least", "one policy", _least),
        Grid("paper", "`config/paper.yaml`", _as_it_is),
        Grid("five-seeds", "the same with 5 seeds instead of 3", _seeds(5)),
        Grid("tenfold", "the same with 30 seeds, ten times the policies", _seeds(30)),
    )
}
