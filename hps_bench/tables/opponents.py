"""Who is compared with whom in the tables of comparisons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from hps_bench.cell import Cell
from hps_bench.errors import UserError
from hps_bench.tables.table import BASELINE, Group, RowKey

COUNTERPARTS = ("bt", "pl")
"""Methods that the others are compared with, beside the reference model."""

Place = tuple[RowKey, Group]
Match = tuple[Cell, Cell | None]
"""Cells of a policy and of its opponent; None for the reference model."""


def opponents(cell: Cell, planned: Collection[Cell]) -> Iterator[tuple[RowKey, Match]]:
    """Rows of a cell, each with the two cells that it compares; none for a counterpart.

    Opponents are the reference model and the planned policies that differ in nothing but their
    method, which is one of ``COUNTERPARTS``.
    """
    if cell.method in COUNTERPARTS:
        return
    key = RowKey(cell.reward, cell.method, cell.responses, cell.beta)
    yield replace(key, opponent=BASELINE.method), (cell, None)
    for method in COUNTERPARTS:
        counterpart = replace(cell, method=method)
        if counterpart in planned:
            yield replace(key, opponent=method), (cell, counterpart)


def matches(table: str, cells: Sequence[Cell]) -> dict[Place, list[Match]]:
    """Cells to compare at each place of a table, seed by seed.

    Raises:
        UserError: there is nothing to compare.
    """
    planned = frozenset(cells)
    found: dict[Place, list[Match]] = defaultdict(list)
    for cell in cells:
        for key, match in opponents(cell, planned):
            found[key, Group(cell.trained_on, cell.evaluated_on)].append(match)
    if not found:
        raise UserError(
            f"{table}: its experiments compare nothing; give them another method than "
            f"{' and '.join(COUNTERPARTS)}"
        )
    return found
