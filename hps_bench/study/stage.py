"""The ``study`` stage: samples of policies in, the packets of all raters and their key out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hps_bench.errors import UserError
from hps_bench.seeding import numpy_generator
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
    read_assignment,
    write_assignment,
)
from hps_bench.study.attention import check_texts
from hps_bench.study.items import RatedPrompt, rated_prompts, texts_of
from hps_bench.study.key import KEY, Author, Key, write_key
from hps_bench.study.orders import balanced_orders
from hps_bench.study.settings import StudyJob

BEGUN = ("page.sqlite", "links.csv", "potato.txt")
"""Files that only a study which people have been asked to take part in has."""

KNOWN = ("sample_index", "reward", "true_reward", "harmful")
"""What the key keeps of a sample's row."""

_ID_DIGITS = 6
"""Hexadecimal digits of an id: 16.8 million ids for some hundreds of responses."""


def assign_study(job: StudyJob, results: Path, output: Path) -> dict[str, Any]:
    """Write ``assignment.json`` and ``key.json``.

    Args:
        job: what the study is.
        results: folder of the results that the samples lie in.
        output: folder of the study.

    Returns:
        Counts of items, responses, strata and raters, and the assignment's digest.

    Raises:
        UserError: samples are missing, or raters have begun on another assignment.
    """
    rated = list(rated_prompts(job, results))
    items = _items(job, rated)
    assignment = _assignment(job, items, len(rated))
    key = _key(job, rated, items, assignment.digest)
    _refuse_to_replace(output, assignment)
    write_assignment(output / ASSIGNMENT, assignment)
    write_key(output / KEY, key)
    return {
        "study": job.name,
        "digest": assignment.digest,
        "items": len(assignment.items),
        "responses": len(key.responses),
        "raters": len(assignment.raters),
        "strata": {
            dataset: Counter(p.stratum for p in rated if p.dataset == dataset)
            for dataset in job.evaluations
        },
    }


def _items(job: StudyJob, rated: Sequence[RatedPrompt]) -> list[Item]:
    """Items and attention checks, with the responses still in the order of the policies.

    Ids are drawn. They depend on all texts, too: with other samples no old rating fits by chance.
    """
    generator = numpy_generator(job.settings.seed, "study", "ids", texts_of(rated))
    size = len(job.policies)
    checks = list(check_texts(size, job.settings.attention_checks, generator))
    names = _distinct("i", len(rated) + len(checks), generator)
    responses = iter(_distinct("r", size * len(names), generator))
    items = [
        Item(
            item=name,
            prompt=[Turn.model_validate(message) for message in prompt.prompt["messages"]],
            responses=[_shown(next(responses), sample["text"]) for sample in prompt.samples],
        )
        for name, prompt in zip(names, rated, strict=False)
    ]
    for name, check in zip(names[len(rated) :], checks, strict=True):
        shown = [_shown(next(responses), text) for text in check.texts]
        asking = Check(response=shown[check.asking].response, expected=check.expected)
        turns = [Turn(role="user", content=check.question)]
        items.append(Item(item=name, prompt=turns, responses=shown, check=asking))
    return items


def _assignment(job: StudyJob, items: Sequence[Item], rated: int) -> Assignment:
    """Draw the orders; items and responses are listed by their ids, which say nothing."""
    settings = job.settings
    generator = numpy_generator(settings.seed, "study", "orders")
    size = len(job.policies)
    balanced = balanced_orders(settings.raters, rated, size, generator)
    checks = balanced_orders(settings.raters, len(items) - rated, size, generator)
    packets = []
    for rater in range(settings.raters):
        orders = [*balanced[rater], *checks[rater]]
        tasks = [
            Task(item=items[k].item, responses=[items[k].responses[p].response for p in orders[k]])
            for k in generator.permutation(len(items))
        ]
        packets.append(Packet(rater=f"rater-{rater + 1:02d}", tasks=tasks))
    shown = [
        item.model_copy(update={"responses": sorted(item.responses, key=lambda r: r.response)})
        for item in sorted(items, key=lambda item: item.item)
    ]
    return make_assignment(job.name, settings.seed, list(job.evaluations), shown, packets)


def _key(job: StudyJob, rated: Sequence[RatedPrompt], items: Sequence[Item], digest: str) -> Key:
    """Authors of the rated responses; those of attention checks have none."""
    authors = {
        response.response: Author(
            policy=policy,
            item=item.item,
            dataset=prompt.dataset,
            prompt_id=prompt.prompt["prompt_id"],
            stratum=prompt.stratum,
            **{name: sample[name] for name in KNOWN},
        )
        for prompt, item in zip(rated, items, strict=False)
        for policy, response, sample in zip(
            job.policies, item.responses, prompt.samples, strict=True
        )
    }
    return Key(study=job.name, digest=digest, policies=job.policies, responses=authors)


def _refuse_to_replace(folder: Path, assignment: Assignment) -> None:
    """Keep the assignment that ratings belong to.

    Raises:
        UserError: the study has begun with another one.
    """
    begun = [name for name in BEGUN if (folder / name).exists()]
    path = folder / ASSIGNMENT
    if begun and path.exists() and read_assignment(path).digest != assignment.digest:
        raise UserError(
            f"{path}: raters have begun on it ({begun[0]} is there), and the config or the samples "
            "now give another one; give the config another name, or move the folder away first"
        )


def _shown(name: str, text: str) -> ShownResponse:
    return ShownResponse(response=name, text=text)


def _distinct(prefix: str, count: int, generator: np.random.Generator) -> list[str]:
    """Opaque ids, no two alike."""
    drawn = generator.choice(16**_ID_DIGITS, size=count, replace=False)
    return [f"{prefix}{number:0{_ID_DIGITS}x}" for number in drawn]
