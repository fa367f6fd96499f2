"""Figures that a config asks for and that its experiments have nothing for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hps_bench.plan.settings import HardPreferenceSampling

if TYPE_CHECKING:
    from hps_bench.config import Config, Experiment


def unfit_figures(config: Config) -> Iterator[str]:
    """What is wrong with each figure that would be empty, in one line."""
    for figure, names in config.figures.items():
        experiments = [config.experiments[name] for name in names]
        if figure == "margin-n" and len({n for e in experiments for n in e.responses}) < 2:
            yield f"figures.{figure}: it compares values of n; give an experiment of several"
        if figure == "gamma-schedule" and not any(_has_gamma(config, e) for e in experiments):
            yield f"figures.{figure}: none of its methods has a γ; give an experiment with hps"
        if figure == "trajectories" and not set(names) & set(_followed(config)):
            yield f"figures.{figure}: name {names[0]!r} under trajectory.experiments, too"


def _has_gamma(config: Config, experiment: Experiment) -> bool:
    methods = (config.all_methods[name] for name in experiment.methods)
    return any(isinstance(method, HardPreferenceSampling) for method in methods)


def _followed(config: Config) -> list[str]:
    return config.trajectory.experiments if config.trajectory else []
