"""Small studies with known ratings, as the page would have exported them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hps_bench.records import write_rows
from hps_bench.schemas import RATINGS
from hps_bench.study.assignment import (
    ASSIGNMENT,
    Assignment,
    Check,
    Item,
    Packet,
    ShownResponse,
    Task,
    Turn,
    make_assignment,
    write_assignment,
)
from hps_bench.study.criteria import SCORES
from hps_bench.study.key import KEY, Author, Key, write_key
from hps_bench.study.ratings import RATINGS_FILE, RatedStudy, join_ratings
from hps_bench.tables.settings import TableSettings

POLICIES = ("sft", "dpo-bt", "dpo-pl", "dpo-hps")
DATASETS = ("hh-rlhf", "pku-saferlhf")
SETTINGS = TableSettings(resamples=200)
TEXT = "x" * 90
CHECK = "check"

Row = dict[str, Any]
Give = Callable[[int, int, int], float | Mapping[str, float | None]]
"""Scores by places of rater, item and policy; one number stands for all of them."""


def response(item: int, policy: int) -> str:
    """Id of a policy's response to an item."""
    return f"r{item}{policy}"


def study_files(
    raters: int, items: int, policies: Sequence[str] = POLICIES, checks: bool = False
) -> tuple[Assignment, Key]:
    """An assignment in which all raters meet items in the same order; a check comes last.

    Items belong to the two data sets in turn, and have 100 characters per response.
    """
    numbered = range(len(policies))
    rated = [
        Item(
            item=f"i{item}",
            prompt=[Turn(role="user", content="x" * 10 * len(policies))],
            responses=[ShownResponse(response=response(item, k), text=TEXT) for k in numbered],
        )
        for item in range(items)
    ]
    if checks:
        shown = [ShownResponse(response=f"{CHECK}{k}", text=TEXT) for k in numbered]
        check = Check(response=f"{CHECK}0", expected=dict.fromkeys(SCORES, 2.0))
        rated.append(Item(item=CHECK, prompt=[], responses=shown, check=check))
    tasks = [Task(item=i.item, responses=[r.response for r in i.responses]) for i in rated]
    packets = [Packet(rater=f"rater-{k:02d}", tasks=tasks) for k in range(raters)]
    assignment = make_assignment("fabricated", 0, DATASETS, rated, packets)
    authors = {
        response(item, k): author(policies[k], item) for item in range(items) for k in numbered
    }
    key = Key(
        study="fabricated",
        digest=assignment.digest,
        policies=list(policies),
        responses=authors,
    )
    return assignment, key


def author(policy: str, item: int) -> Author:
    """Author of a response to an item."""
    return Author(
        policy=policy,
        item=f"i{item}",
        dataset=DATASETS[item % 2],
        prompt_id=f"p{item}",
        sample_index=0,
        stratum="all",
        reward=0.0,
        true_reward=None,
        harmful=None,
    )


def rating(rater: int, item: str, name: str, task: int, given: object, **fields: Any) -> Row:
    """One row of ratings, saved and submitted on the page after a minute."""
    scores = given if isinstance(given, Mapping) else dict.fromkeys(SCORES, given)
    return {
        "study": "fabricated",
        "rater": f"rater-{rater:02d}",
        "item": item,
        "response": name,
        "position": 1,
        "task": task,
        **dict.fromkeys(SCORES),
        **scores,
        "seconds": 60.0,
        "saved_at": 1.0,
        "submitted_at": 2.0,
        "revisions": 1,
        "source": "page",
        **fields,
    }


def rows(give: Give, raters: int, items: int, policies: int = 4, **fields: Any) -> list[Row]:
    """Ratings of all responses by all raters."""
    return [
        rating(r, f"i{i}", response(i, p), i + 1, give(r, i, p), **fields)
        for r in range(raters)
        for i in range(items)
        for p in range(policies)
    ]


def rated(
    give: Give, raters: int, items: int, policies: Sequence[str] = POLICIES, **fields: Any
) -> RatedStudy:
    """A study in which everyone rates everything."""
    assignment, key = study_files(raters, items, policies)
    return join_ratings(assignment, key, rows(give, raters, items, len(policies), **fields))


def write_study(folder: Path, study: tuple[Assignment, Key], ratings: Sequence[Row]) -> None:
    """Write the files of a study."""
    write_assignment(folder / ASSIGNMENT, study[0])
    write_key(folder / KEY, study[1])
    if ratings:
        write_rows(folder / RATINGS_FILE, ratings, RATINGS)


def crossed(
    rng: np.random.Generator,
    raters: int,
    items: int,
    means: Sequence[float],
    deviations: Mapping[str, float],
) -> pd.DataFrame:
    """Scores from the mixed model, off the scale where they fall so."""
    of_rater = rng.normal(0, deviations["rater"], raters)
    of_item = rng.normal(0, deviations["item"], items)
    of_response = rng.normal(0, deviations["response"], (items, len(means)))
    residual = rng.normal(0, deviations["residual"], (raters, items, len(means)))
    return pd.DataFrame(
        [
            {
                "rater": f"rater-{r:02d}",
                "item": f"i{i}",
                "response": f"r{i}.{p}",
                "policy": f"p{p}",
                "score": means[p]
                + of_rater[r]
                + of_item[i]
                + of_response[i, p]
                + residual[r, i, p],
            }
            for r in range(raters)
            for i in range(items)
            for p in range(len(means))
        ]
    )
