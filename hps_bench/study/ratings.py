"""Ratings joined with the key: which rater gave which policy's response which scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hps_bench.errors import UserError
from hps_bench.records import read_rows
from hps_bench.schemas import RATINGS
from hps_bench.study.assignment import ASSIGNMENT, Assignment, read_assignment
from hps_bench.study.criteria import HIGHEST, LOWEST, SCORES
from hps_bench.study.key import KEY, Key, read_key

Array = NDArray[np.float64]

RATINGS_FILE = "ratings.parquet"
COLUMNS = (*RATINGS.names, "policy", "dataset")
"""Of ratings that are joined with the key."""

SIMULATED = "simulated"
"""Source of ratings that a program gave."""

SIMULATED_NOTE = (
    "Simulated: these ratings are a program's. They show that the path from page to table works, "
    "and say nothing about what people think of a policy."
)


@dataclass(frozen=True)
class RatedStudy:
    """A study with its ratings.

    Attributes:
        assignment: who rates what.
        key: who wrote what.
        ratings: rows of schema ``RATINGS`` with the columns ``policy`` and ``dataset``, which are
            null where a response tests the rater's attention.
    """

    assignment: Assignment
    key: Key
    ratings: pd.DataFrame

    @property
    def simulated(self) -> bool:
        """Whether some ratings are a program's."""
        return bool((self.ratings["source"] == SIMULATED).any())

    @property
    def scored(self) -> pd.DataFrame:
        """Submitted ratings of policies' responses, which are those that count."""
        counted = self.ratings["policy"].notna() & self.ratings["submitted_at"].notna()
        return self.ratings[counted]

    @property
    def raters(self) -> list[str]:
        """Raters who submitted something, in the order of the assignment."""
        submitted = set(self.scored["rater"])
        return [packet.rater for packet in self.assignment.raters if packet.rater in submitted]

    def without(self, raters: Iterable[str]) -> RatedStudy:
        """The same study without the ratings of some raters."""
        kept = ~self.ratings["rater"].isin(list(raters))
        return replace(self, ratings=self.ratings[kept])


def read_study(folder: Path) -> RatedStudy:
    """Read a study with the ratings that it has so far.

    Args:
        folder: of one study, with ``assignment.json``, ``key.json`` and, once somebody has
            rated, ``ratings.parquet``.

    Raises:
        UserError: a file is missing or damaged, or ratings do not fit the assignment.
    """
    file = folder / RATINGS_FILE
    assignment = read_assignment(folder / ASSIGNMENT)
    key = read_key(folder / KEY, assignment.digest)
    rows = read_rows(file, RATINGS) if file.is_file() else ()
    return join_ratings(assignment, key, rows, str(file))


def refuse_other_source(file: Path, source: str) -> None:
    """Keep ratings of another source, which those to be written would replace.

    Args:
        file: to be written.
        source: of its new ratings.

    Raises:
        UserError: there are some, or the file is damaged.
    """
    found = {row["source"] for row in read_rows(file, RATINGS)} if file.is_file() else set()
    if others := found - {source}:
        raise UserError(
            f"{file}: has ratings of source {min(others)!r}, which those of source {source!r} "
            "would replace; move it away first"
        )


def join_ratings(
    assignment: Assignment, key: Key, rows: Iterable[Mapping[str, Any]], origin: str = "ratings"
) -> RatedStudy:
    """Join ratings with the key.

    Args:
        assignment: who rates what.
        key: who wrote what.
        rows: of schema ``RATINGS``.
        origin: of the rows, for errors.

    Raises:
        UserError: a row is of another study, of nothing that its rater was given, there twice, or
            off the scale.
    """
    frame = pd.DataFrame(list(rows), columns=RATINGS.names).astype(dict.fromkeys(SCORES, float))
    for problem in (_foreign(frame, assignment), _repeated(frame), _off_scale(frame)):
        if problem:
            raise UserError(f"{origin}: {problem}; export the ratings of this study again")
    authors = {name: (author.policy, author.dataset) for name, author in key.responses.items()}
    known = [authors.get(response, (None, None)) for response in frame["response"]]
    joined = pd.DataFrame(known, columns=["policy", "dataset"], index=frame.index)
    return RatedStudy(assignment, key, pd.concat([frame, joined], axis=1))


def score_matrix(ratings: pd.DataFrame, score: str) -> pd.DataFrame:
    """Scores by rater (rows) and response (columns, with their item); NaN where there is none."""
    return ratings.pivot_table(
        index="rater", columns=["item", "response"], values=score, dropna=False, observed=True
    ).dropna(axis=1, how="all")


def _foreign(frame: pd.DataFrame, assignment: Assignment) -> str:
    if other := set(frame["study"]) - {assignment.study}:
        return f"rows of the study {min(other)!r}, which is not {assignment.study!r}"
    given = {
        (packet.rater, task.item, response)
        for packet in assignment.raters
        for task in packet.tasks
        for response in task.responses
    }
    found = zip(frame["rater"], frame["item"], frame["response"], strict=True)
    unknown = next((row for row in found if row not in given), None)
    return f"{' / '.join(unknown)} is in nobody's packet" if unknown else ""


def _repeated(frame: pd.DataFrame) -> str:
    again = frame[frame.duplicated(["rater", "response"])]
    return f"{again.iloc[0]['rater']} rated {again.iloc[0]['response']} twice" if len(again) else ""


def _off_scale(frame: pd.DataFrame) -> str:
    scores = frame[list(SCORES)].to_numpy()
    off = scores[(scores < LOWEST) | (scores > HIGHEST)]
    return f"score {off[0]:g} is not from {LOWEST:.2f} to {HIGHEST:.2f}" if len(off) else ""
