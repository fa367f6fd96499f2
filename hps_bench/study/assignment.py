"""The assignment: which rater sees which responses in which order. It names no policy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator

from hps_bench.errors import UserError
from hps_bench.records import read_json, write_json
from hps_bench.settings import Settings
from hps_bench.validation import explain

ASSIGNMENT = "assignment.json"


class Turn(Settings):
    """One turn of a conversation."""

    role: str
    content: str


class ShownResponse(Settings):
    """A response under its opaque id."""

    response: str
    text: str


class Check(Settings):
    """An attention check: the scores that one response of an item asks for in its text."""

    response: str
    expected: dict[str, float]


class Item(Settings):
    """A prompt with the responses that are rated; an item with a check tests the rater alone."""

    item: str
    prompt: list[Turn]
    responses: list[ShownResponse]
    check: Check | None = None


class Task(Settings):
    """One item as one rater sees it: the responses from top to bottom."""

    item: str
    responses: list[str]


class Packet(Settings):
    """All tasks of a rater, in order."""

    rater: str
    tasks: list[Task]


class Assignment(Settings):
    """What the rating page serves.

    Attributes:
        study: name of the study.
        seed: everything in it was drawn with.
        digest: SHA-256 of the canonical JSON of the rest.
        datasets: where the prompts come from.
        items: what is rated.
        raters: who rates, and in which order.
    """

    study: str
    seed: int
    digest: str
    datasets: list[str]
    items: list[Item]
    raters: list[Packet]

    @property
    def by_item(self) -> dict[str, Item]:
        """Items by their ids."""
        return {item.item: item for item in self.items}

    @property
    def by_rater(self) -> dict[str, Packet]:
        """Packets by the raters' names."""
        return {packet.rater: packet for packet in self.raters}

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.digest != content_digest(self.model_dump()):
            raise ValueError("the digest is not that of the content")
        shown = {i.item: sorted(r.response for r in i.responses) for i in self.items}
        if any(
            sorted(task.responses) != shown.get(task.item)
            for packet in self.raters
            for task in packet.tasks
        ):
            raise ValueError("a task does not show exactly the responses of its item")
        return self


def make_assignment(
    study: str,
    seed: int,
    datasets: Sequence[str],
    items: Sequence[Item],
    raters: Sequence[Packet],
) -> Assignment:
    """An assignment with its digest."""
    content = {
        "study": study,
        "seed": seed,
        "datasets": list(datasets),
        "items": [item.model_dump() for item in items],
        "raters": [packet.model_dump() for packet in raters],
    }
    return Assignment.model_validate({**content, "digest": content_digest(content)})


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of an assignment's canonical JSON (sorted keys, no spaces), its digest left out."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_assignment(path: Path, assignment: Assignment) -> None:
    """Write ``assignment.json``."""
    write_json(path, assignment.model_dump())


def read_assignment(path: Path) -> Assignment:
    """Read ``assignment.json``.

    Raises:
        UserError: the file is missing, or is not what was written.
    """
    try:
        return Assignment.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(
            f"{path}: no assignment of a study ({explain(error, Assignment)}); "
            "restore the file that the ratings belong to"
        ) from None
