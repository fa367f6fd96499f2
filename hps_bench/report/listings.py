"""Experiments and settings of a config, as text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pydantic import BaseModel

from hps_bench.cell import Cell
from hps_bench.config import Config, Experiment
from hps_bench.grid import cells
from hps_bench.index_page.facts import Fact
from hps_bench.tables.layout import dataset_title

EXPERIMENT_COLUMNS = {
    "Experiment": 0.14,
    "Rewards": 0.12,
    "Methods": 0.1,
    "Trained on": 0.15,
    "Tested on": 0.1,
    "n": 0.08,
    "β": 0.07,
    "Seeds": 0.06,
    "Evaluated": 0.09,
}
"""Headings, and the share of the width that each column has."""


def experiment_rows(config: Config, evaluated: Collection[Cell]) -> list[tuple[str, ...]]:
    """Axes of each experiment, and how many of its cells are evaluated, one text per column."""
    rows = []
    for name, experiment in config.experiments.items():
        planned = cells(config, name)
        found = sum(cell in evaluated for cell in planned)
        rows.append((name, *_axes(experiment), f"{found} of {len(planned)}"))
    return rows


def settings(config: Config) -> list[Fact]:
    """Settings that decide results, by section of the config."""
    sections: Mapping[str, object] = {
        "responses": config.responses,
        "plan": config.plan,
        "training": config.training.optimiser,
        "evaluation": config.evaluation,
        "statistics": config.statistics,
        **{f"method {name}": method for name, method in config.methods.items()},
        **{f"loss {name}": given for name, given in config.losses.items()},
    }
    return [Fact(name, (_spelt(section),)) for name, section in sections.items()]


def _axes(experiment: Experiment) -> tuple[str, ...]:
    return (
        _listed(experiment.rewards),
        _listed(experiment.methods),
        _listed(map(dataset_title, experiment.datasets)),
        "the same" if experiment.evaluate_on == "own" else "the others",
        _listed(experiment.responses),
        _listed(f"{beta:g}" for beta in experiment.betas),
        _listed(experiment.seeds),
    )


def _spelt(value: object) -> str:
    """Settings in one line, without those that are not given."""
    if isinstance(value, BaseModel):
        return _spelt(value.model_dump())
    if isinstance(value, Mapping):
        given = ((key, item) for key, item in value.items() if item is not None)
        return "; ".join(f"{str(key).replace('_', ' ')} {_nested(item)}" for key, item in given)
    if isinstance(value, list | tuple):
        return _listed(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _nested(value: object) -> str:
    return f"({_spelt(value)})" if isinstance(value, Mapping) else _spelt(value)


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
