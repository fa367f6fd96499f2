"""What the store is told of a grid beside its journals: the experiments of the config."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from hps_bench.cell import Cell
from hps_bench.config import Experiment
from hps_bench.errors import UserError
from hps_bench.grid import experiment_cells
from hps_bench.settings import Settings


class TrackedExperiment(Settings):
    """An experiment whose runs stand together in the store."""

    name: str = Field(description="its name in the config")
    axes: Experiment = Field(description="what its cells are the product of")


class TrackSettings(Settings):
    """What the store is told of a grid."""

    data_sets: list[str] = Field([], description="data sets of the config")
    experiments: list[TrackedExperiment] = Field([], description="in the order of the config")

    @property
    def cells(self) -> dict[str, list[Cell]]:
        """Cells of the experiments, by name."""
        return {one.name: experiment_cells(one.axes, self.data_sets) for one in self.experiments}


def read_settings(results: Path) -> TrackSettings:
    """Read ``settings/track.json``; without it, no run belongs to an experiment.

    Raises:
        UserError: the file holds something else.
        OSError: it cannot be read.
    """
    path = results / "settings" / "track.json"
    try:
        return TrackSettings.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return TrackSettings()
    except (ValidationError, UserError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path}: no settings of tracking ({reason}); delete it and run snakemake again"
        ) from None


def memberships(settings: TrackSettings) -> dict[str, tuple[str, ...]]:
    """Experiments of each run by the run's key, in the order of the config.

    A policy that several experiments share belongs to all of them, as does the SFT model's
    evaluation on a data set to every experiment that evaluates there.
    """
    found: dict[str, dict[str, None]] = {}
    for name, cells in settings.cells.items():
        for cell in cells:
            for key in (
                f"policies/{cell.policy_path}",
                f"evaluations/{cell.evaluation_path}",
                f"evaluations/{cell.baseline_path}",
            ):
                found.setdefault(key, {})[name] = None
    return {key: tuple(names) for key, names in found.items()}
