"""Where tables, figures and comparisons lie in the results of a config."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Folders:
    """Folders of what pages and reports show, relative to the results."""

    tables: str = "tables"
    figures: str = "figures"
    comparisons: str = "paper_comparison"


FINISHED = Folders()
"""What the workflow has made."""

SO_FAR = Folders("tables-so-far", "figures-so-far", "tables-so-far/paper_comparison")
"""What cells may be missing in. Among the finished files, Snakemake would take these for finished,
too, and never make what they lack."""
