"""The cells of a config's experiments."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from hps_bench.cell import Cell
from hps_bench.config import Config, Experiment


def cells(config: Config, experiment: str) -> list[Cell]:
    """Cells of one experiment, in the order of its axes."""
    return experiment_cells(config.experiments[experiment], config.datasets)


def grid(config: Config) -> list[Cell]:
    """Cells of all experiments, each once."""
    return list(dict.fromkeys(cell for name in config.experiments for cell in cells(config, name)))


def experiment_cells(experiment: Experiment, datasets: Iterable[str]) -> list[Cell]:
    """Cells of an experiment over these data sets, in the order of its axes."""
    names = list(datasets)
    return [
        Cell(reward, method, trained_on, evaluated_on, responses, beta, seed)
        for reward, method, trained_on, responses, beta, seed in product(
            experiment.rewards,
            experiment.methods,
            experiment.datasets,
            experiment.responses,
            experiment.betas,
            experiment.seeds,
        )
        for evaluated_on in _evaluated_on(names, experiment, trained_on)
    ]


def _evaluated_on(names: list[str], experiment: Experiment, trained_on: str) -> list[str]:
    if experiment.evaluate_on == "own":
        return [trained_on]
    return [name for name in names if name != trained_on]
