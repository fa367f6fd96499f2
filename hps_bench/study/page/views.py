"""What the templates show."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup, escape

from hps_bench.safe_text import visible_text
from hps_bench.study.assignment import Item, Packet, Task
from hps_bench.study.criteria import SCORES
from hps_bench.study.page.forms import DIRECTIONS, SentTask, field_name
from hps_bench.study.page.store import Progress, SavedTask
from hps_bench.tables.pages import page_environment

View = dict[str, Any]

_SPEAKERS = {"user": "User", "assistant": "Assistant", "system": "System"}
_NOT_TEXT = {"Cc", "Cs"}
"""Unicode's categories of control characters and lone surrogates."""


@cache
def templates() -> jinja2.Environment:
    """Templates of the page; all values are escaped."""
    return page_environment("hps_bench.study.page")


def as_written(text: str) -> Markup:
    """Text for a page with its own line breaks, marks of direction and joiners.

    Characters that stand for nothing become visible. The page keeps the text in a box of its
    own, so that a mark of direction ends with it.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return escape("".join(_shown(character) for character in lines))


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _NOT_TEXT:
        return character
    return visible_text(character)


def expected_scores(task: Task) -> int:
    """Number of scores that a task asks for."""
    return len(task.responses) * len(SCORES)


def complete_tasks(packet: Packet, progress: Progress) -> int:
    """Number of tasks with all their scores."""
    return sum(progress.scores.get(t.item, 0) == expected_scores(t) for t in packet.tasks)


def welcome(packet: Packet) -> View:
    """Sizes that the instructions name."""
    shown = sorted({len(task.responses) for task in packet.tasks})
    return {"tasks": len(packet.tasks), "responses": " or ".join(map(str, shown))}


def overview(packet: Packet, progress: Progress) -> View:
    """All tasks with their state."""
    tasks = [
        _task_state(number, progress.scores.get(task.item, 0), expected_scores(task))
        for number, task in enumerate(packet.tasks, start=1)
    ]
    left = [task for task in tasks if task["state"] != "complete"]
    return {"tasks": tasks, "left": left, "begun": bool(progress.scores)}


def _task_state(number: int, scores: int, expected: int) -> View:
    states = {0: "new", expected: "complete"}
    state = states.get(scores, "begun")
    return {"number": number, "scores": scores, "expected": expected, "state": state}


def task_page(packet: Packet, number: int, item: Item, progress: Progress) -> View:
    """What a task's page shows beside the scores."""
    return {
        "number": number,
        "tasks": len(packet.tasks),
        "complete": complete_tasks(packet, progress),
        "paths": {go: next_path(go, number, len(packet.tasks)) for go in DIRECTIONS},
        "prompt": [_turn(turn.role, turn.content) for turn in item.prompt],
    }


def next_path(go: str, number: int, last: int) -> str:
    """Where a button of a task's page leads."""
    step = {"next": 1, "previous": -1, "stay": 0}.get(go)
    if step is None or not 1 <= number + step <= last:
        return "/tasks"
    return f"/tasks/{number + step}"


def _turn(role: str, content: str) -> View:
    kind = role if role in _SPEAKERS else "other"
    return {"kind": kind, "speaker": _SPEAKERS.get(role, role), "text": as_written(content)}


def saved_scores(task: Task, item: Item, saved: SavedTask) -> View:
    """A task's form with the scores that are saved."""
    texts = saved_texts(saved)
    return {"revision": saved.revision, **_form(task, item, _Written(texts, texts, ()))}


def sent_scores(task: Task, item: Item, saved: SavedTask, sent: SentTask) -> View:
    """A task's form with what was sent, where some of it is wrong."""
    written = _Written(saved_texts(saved), sent.texts, sent.wrong)
    return {"revision": sent.revision, **_form(task, item, written)}


def saved_texts(saved: SavedTask) -> dict[str, str]:
    """Saved scores as fields show them."""
    return {field_name(*on): f"{score:g}" for on, score in saved.scores.items()}


@dataclass(frozen=True)
class _Written:
    """Texts by field: what is saved, and what is shown; fields that are wrong."""

    saved: Mapping[str, str]
    shown: Mapping[str, str]
    wrong: Sequence[str]


def _form(task: Task, item: Item, written: _Written) -> View:
    texts = {shown.response: shown.text for shown in item.responses}
    letters = string.ascii_uppercase[: len(task.responses)]
    responses: list[View] = [
        {
            "letter": letter,
            "text": as_written(texts[response]),
            "fields": [_field(response, letter, on, written) for on in SCORES],
        }
        for letter, response in zip(letters, task.responses, strict=True)
    ]
    fields = [field for response in responses for field in response["fields"]]
    return {"responses": responses, "wrong": [field for field in fields if field["wrong"]]}


def _field(response: str, letter: str, criterion: str, written: _Written) -> View:
    name = field_name(response, criterion)
    return {
        "name": name,
        "label": criterion.capitalize(),
        "letter": letter,
        "value": written.shown.get(name, ""),
        "saved": written.saved.get(name, ""),
        "wrong": name in written.wrong,
    }
