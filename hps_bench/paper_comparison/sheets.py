"""Pages of small tables of text, before they are typeset."""

from __future__ import annotations

from dataclasses import dataclass

Cell = tuple[str, ...]
"""Lines of a cell, the first one in full size."""


@dataclass(frozen=True)
class Heading:
    """Heading of a column.

    Attributes:
        text: heading.
        width: share of the width of a printed page; those of a block are at most 0.94 together.
    """

    text: str
    width: float


@dataclass(frozen=True)
class Block:
    """One table of a sheet."""

    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Sheet:
    """One page.

    Attributes:
        title: heading.
        blocks: from top to bottom, none without rows.
        notes: one paragraph each.
    """

    title: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]


def sheet(title: str, blocks: list[Block], notes: list[str]) -> Sheet:
    """A page of those blocks that have rows."""
    return Sheet(title, tuple(block for block in blocks if block.rows), tuple(notes))
