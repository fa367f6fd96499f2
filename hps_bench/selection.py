"""Which cells of a config each part of it is about."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.figures.catalogue import FIGURES
from hps_bench.grid import cells, grid
from hps_bench.losses import registry
from hps_bench.study.planning import study_cells
from hps_bench.tables.layout import find_layout


class Selection:
    """The cells of a config, and those that its tables, figures and judge ask for.

    Attributes:
        config: the config.
        grid: cells of all experiments, each once.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.grid = grid(config)

    @property
    def rewards(self) -> list[str]:
        """Rewards of the grid."""
        return list(dict.fromkeys(cell.reward for cell in self.grid))

    @property
    def pool_sizes(self) -> list[str]:
        """Every n that the pool of samples allows, also those that no experiment names."""
        return [str(n) for n in range(2, self.config.responses.samples + 1)]

    def table_cells(self, table: str) -> list[Cell]:
        """Cells of the table's experiments, each once; in a table of ratings, those rated."""
        these = self._cells_of(self.config.tables[table])
        if find_layout(table).records != "study":
            return these
        rated = study_cells(self.config)
        return [cell for cell in these if cell in rated]

    def figure_cells(self, figure: str) -> list[Cell]:
        """Cells of the figure's experiments, each once."""
        return self._cells_of(self.config.figures[figure])

    def _cells_of(self, experiments: Iterable[str]) -> list[Cell]:
        these = (cell for name in experiments for cell in cells(self.config, name))
        return list(dict.fromkeys(these))

    @property
    def judged(self) -> list[Cell]:
        """Cells whose samples are judged: those of tables and figures that show judgements."""
        tables = [name for name in self.config.tables if find_layout(name).records == "judge"]
        figures = [name for name in self.config.figures if "judge" in FIGURES[name].reads]
        these = [cell for name in tables for cell in self.table_cells(name)]
        these += [cell for name in figures for cell in self.figure_cells(name)]
        return list(dict.fromkeys(these))

    def followed(self, these: Iterable[Cell]) -> list[str]:
        """Paths of those of the cells' policies that are followed through training."""
        paths = dict.fromkeys(cell.policy_path for cell in these)
        return [path for path in paths if path in self._followed]

    @cached_property
    def _followed(self) -> frozenset[str]:
        names = self.config.trajectory.experiments if self.config.trajectory else ()
        return frozenset(cell.policy_path for cell in self._cells_of(names))

    @cached_property
    def _mismatched_plans(self) -> set[tuple[str, str, int, int]]:
        """Plans on which some loss trains that needs mismatched pairs."""
        losses = {name: registry.lookup(name, self.config.loss_files) for name in self.rewards}
        return {
            (cell.trained_on, cell.method, cell.responses, cell.seed)
            for cell in self.grid
            if losses[cell.reward].mismatched
        }

    def mismatched_flag(self, dataset: str, method: str, responses: str, seed: str) -> str:
        """``--mismatched`` where some loss that trains on a plan needs mismatched pairs."""
        plan = (dataset, method, int(responses), int(seed))
        return "--mismatched" if plan in self._mismatched_plans else ""
