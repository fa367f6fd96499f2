"""A study as a project of Potato, for teams that host one, and its annotations read back.

Checked with Potato 2.12.1 (https://github.com/davidjurgens/potato, Pei et al., 2022). Every task
of every rater is an instance of its own, whose responses stand in that rater's order; Potato's
strategy ``batch`` gives each rater his own instances, in their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError

from hps_bench.errors import UserError
from hps_bench.records import atomic_path, read_json, write_json, write_rows
from hps_bench.schemas import RATINGS
from hps_bench.study.assignment import (
    ASSIGNMENT,
    Assignment,
    Item,
    Packet,
    Task,
    read_assignment,
)
from hps_bench.study.criteria import HIGHEST, LOWEST, SCORES
from hps_bench.study.page.views import templates, welcome
from hps_bench.study.ratings import refuse_other_source
from hps_bench.validation import explain

CONFIG, TASKS, ANNOTATIONS = "config.yaml", "data/tasks.jsonl", "annotation_output"
CONSENT = "data/consent.json"
STATE = "user_state.json"
IN_USE = "potato.txt"
"""File beside an assignment that names the Potato project made from it."""
SOURCE = "potato"
STEP = 0.01

Rating = dict[str, Any]

_INVISIBLE = "\u2060"
"""Word joiner. Potato 2.12.1 writes data into a script element without escaping it, where
``</script>`` in a text would end the element; after a ``<`` this keeps any tag from opening."""


class Change(BaseModel):
    """A change of one score, as Potato logs it."""

    timestamp: float
    schema_name: str


class Behaviour(BaseModel):
    """What Potato logs of one rater at one instance."""

    total_time_ms: float | None = None
    annotation_changes: list[Change] = Field([])


class State(BaseModel):
    """What is read of a rater's ``user_state.json``."""

    user_id: str
    instance_id_to_label_to_value: dict[str, list[tuple[dict[str, str], Any]]] = Field({})
    instance_id_to_behavioral_data: dict[str, Behaviour] = Field({})


def export_project(study: Path, folder: Path) -> dict[str, Any]:
    """Write a study's Potato project, and a note beside the assignment that it is in use.

    Raises:
        UserError: as for ``write_project``, or the study has no assignment.
    """
    counts = write_project(read_assignment(study / ASSIGNMENT), folder)
    (study / IN_USE).write_text(f"{folder}\n", encoding="utf-8")
    return counts


def write_project(assignment: Assignment, folder: Path) -> dict[str, Any]:
    """Write the config and the data of a Potato project.

    Args:
        assignment: who rates what.
        folder: of the project; ``potato start`` takes its ``config.yaml``.

    Returns:
        Numbers of raters and tasks.

    Raises:
        UserError: raters have begun on the project that is there.
    """
    if (folder / ANNOTATIONS).exists():
        raise UserError(f"{folder}: raters have begun on this project; give another folder")
    with atomic_path(folder / TASKS) as temporary:
        temporary.write_text("".join(_instances(assignment)), encoding="utf-8")
    write_json(folder / CONSENT, _consent(assignment))
    with atomic_path(folder / CONFIG) as temporary:
        temporary.write_text(yaml.safe_dump(_config(assignment), sort_keys=False), encoding="utf-8")
    tasks = sum(len(packet.tasks) for packet in assignment.raters)
    return {"raters": len(assignment.raters), "tasks": tasks}


def import_project(assignment: Assignment, folder: Path, output: Path) -> dict[str, int]:
    """Write the annotations of a project as ``ratings.parquet``.

    Args:
        assignment: that the project was written from.
        folder: of the project.
        output: file to write.

    Returns:
        Numbers of rows, of raters who have begun, and of those who have rated everything.

    Raises:
        UserError: as for ``read_project``, or the file has ratings of another source.
    """
    refuse_other_source(output, SOURCE)
    rows = list(read_project(assignment, folder))
    write_rows(output, rows, RATINGS)
    submitted = {row["rater"]: row["submitted_at"] for row in rows}
    done = sum(at is not None for at in submitted.values())
    return {"ratings": len(rows), "raters": len(submitted), "submitted": done}


def read_project(assignment: Assignment, folder: Path) -> Iterator[Rating]:
    """Read the annotations of a project as ratings.

    In Potato there is no last submission. A rater counts as having submitted once every score is
    there, at the time of the last change.

    Args:
        assignment: that the project was written from.
        folder: of the project.

    Yields:
        Rows of schema ``RATINGS``, for tasks in which a rater gave some score.

    Raises:
        UserError: there are no annotations, or they are malformed, off the scale, or not of this
            assignment.
    """
    files = sorted((folder / ANNOTATIONS).glob(f"*/{STATE}"))
    if not files:
        raise UserError(f"{folder / ANNOTATIONS}: no */{STATE}; give the folder of the project")
    packets = assignment.by_rater
    for file in files:
        state = _read_state(file)
        if state.user_id not in packets:
            raise UserError(f"{file}: {state.user_id!r} is no rater of this study; remove it")
        yield from _ratings(assignment.study, packets[state.user_id], state, file)


def instance_id(rater: str, task: Task) -> str:
    """Potato's id of a rater's task."""
    return f"{rater}.{task.item}"


def scheme_name(position: int, score: str) -> str:
    """Potato's name of a score of the response at a position, from 1."""
    return f"response_{position}_{score}"


def _config(assignment: Assignment) -> dict[str, Any]:
    positions = range(1, len(assignment.items[0].responses) + 1)
    return {
        "annotation_task_name": f"Quality of responses: {assignment.study}",
        "task_dir": ".",
        "output_annotation_dir": ANNOTATIONS,
        "data_files": [TASKS],
        "item_properties": {"id_key": "id", "text_key": "id"},
        "require_password": True,
        "user_config": {"allow_all_users": False, "users": [p.rater for p in assignment.raters]},
        "assignment_strategy": "batch",
        "max_annotations_per_item": 1,
        "max_annotations_per_user": len(assignment.items),
        "batch_assignment": {"groups": [_group(packet) for packet in assignment.raters]},
        "phases": {
            "order": ["consent", "annotation"],
            "consent": {"type": "consent", "file": CONSENT},
        },
        "annotation_instructions": _wording("criteria.html"),
        # Raters are told of scores and times alone; both are kept all the same.
        "interaction_tracking": {"enabled": False},
        "instance_display": {"fields": _fields(positions)},
        "annotation_schemes": [_scheme(k, score) for k in positions for score in SCORES],
        "layout": {
            "grid": {"columns": len(SCORES)},
            "groups": [
                {
                    "id": f"response_{k}_scores",
                    "title": f"Response {k}",
                    "schemas": [scheme_name(k, score) for score in SCORES],
                }
                for k in positions
            ],
        },
    }


def _consent(assignment: Assignment) -> list[dict[str, Any]]:
    """What a rater reads and agrees to before the first task, in the words of the rating page."""
    agree = "I agree"
    return [
        {
            "annotation_type": "pure_display",
            "name": "instructions",
            "description": "Content warning and instructions",
            "labels": [_wording("instructions.html", **welcome(assignment.raters[0]))],
            "allow_html": True,
        },
        {
            "annotation_type": "radio",
            "name": "consent",
            "description": _wording("consent.html"),
            "labels": [agree],
            "label_requirement": {"required": True, "required_label": agree},
        },
    ]


def _wording(template: str, **view: Any) -> str:
    """Text of the rating page, as HTML."""
    return templates().get_template(template).render(view)


def _group(packet: Packet) -> dict[str, Any]:
    return {
        "name": packet.rater,
        "annotators": [packet.rater],
        "instances": [instance_id(packet.rater, task) for task in packet.tasks],
    }


def _fields(positions: range) -> list[dict[str, str]]:
    conversation = {"key": "conversation", "type": "dialogue", "label": "Conversation"}
    responses = (
        {"key": f"response_{k}", "type": "text", "label": f"Response {k}"} for k in positions
    )
    return [conversation, *responses]


def _scheme(position: int, score: str) -> dict[str, Any]:
    return {
        "annotation_type": "number",
        "name": scheme_name(position, score),
        "description": f"{score.capitalize()} ({LOWEST:.2f}–{HIGHEST:.2f})",
        "min": LOWEST,
        "max": HIGHEST,
        "step": STEP,
        "custom_css": {"width": "80px"},
        "label_requirement": {"required": True},
    }


def _instances(assignment: Assignment) -> Iterator[str]:
    """Lines of the data file."""
    items = assignment.by_item
    for packet in assignment.raters:
        for task in packet.tasks:
            yield json.dumps(_instance(packet.rater, task, items[task.item])) + "\n"


def _instance(rater: str, task: Task, item: Item) -> dict[str, Any]:
    texts = {shown.response: _inert(shown.text) for shown in item.responses}
    return {
        "id": instance_id(rater, task),
        "conversation": [
            {"speaker": turn.role, "text": _inert(turn.content)} for turn in item.prompt
        ],
        **{f"response_{k}": texts[name] for k, name in enumerate(task.responses, start=1)},
    }


def _inert(text: str) -> str:
    """Text that looks the same and that no HTML parser takes for a tag."""
    return text.replace("<", f"<{_INVISIBLE}")


def _read_state(file: Path) -> State:
    try:
        return State.model_validate(read_json(file))
    except ValidationError as error:
        raise UserError(
            f"{file}: not as Potato 2.12 writes it ({explain(error, State)}); see docs/study.md"
        ) from None


def _ratings(study: str, packet: Packet, state: State, file: Path) -> Iterator[Rating]:
    own = {instance_id(packet.rater, task) for task in packet.tasks}
    if foreign := state.instance_id_to_label_to_value.keys() - own:
        raise UserError(f"{file}: {min(foreign)} is no task of this study; give its own project")
    found = []
    for number, task in enumerate(packet.tasks, start=1):
        name = instance_id(packet.rater, task)
        scores = _scores(state.instance_id_to_label_to_value.get(name, []), file, name)
        behaviour = state.instance_id_to_behavioral_data.get(name, Behaviour())
        if scores:
            found += [{"task": number, **row} for row in _rows(task, scores, behaviour)]
    responses = sum(len(task.responses) for task in packet.tasks)
    is_whole = len(found) == responses and all(row[s] is not None for row in found for s in SCORES)
    times = [row["saved_at"] for row in found if row["saved_at"] is not None]
    submitted = max(times, default=None) if is_whole else None
    for row in found:
        yield {
            **row,
            "study": study,
            "rater": packet.rater,
            "submitted_at": submitted,
            "source": SOURCE,
        }


def _rows(task: Task, scores: Mapping[str, float], behaviour: Behaviour) -> Iterator[Rating]:
    changes = behaviour.annotation_changes
    milliseconds = behaviour.total_time_ms
    for position, response in enumerate(task.responses, start=1):
        names = {scheme_name(position, score): score for score in SCORES}
        own = [change for change in changes if change.schema_name in names]
        yield {
            "item": task.item,
            "response": response,
            "position": position,
            **{score: scores.get(name) for name, score in names.items()},
            # Counted once the page is left, so 0 is no time.
            "seconds": milliseconds / 1000 if milliseconds else None,
            "saved_at": max((change.timestamp for change in own), default=None),
            "revisions": len(own),
        }


def _scores(
    labels: list[tuple[dict[str, str], Any]], file: Path, instance: str
) -> dict[str, float]:
    """Scores by scheme; Potato keeps a number as text."""
    found = {}
    for label, value in labels:
        name = label.get("schema", "")
        try:
            score = float(value)
        except (TypeError, ValueError):
            raise UserError(f"{file}: {instance}: {name} is {value!r}, no number") from None
        if not LOWEST <= score <= HIGHEST:
            raise UserError(
                f"{file}: {instance}: {name} is {score:g}, not from {LOWEST:.2f} to {HIGHEST:.2f}; "
                "ask the rater to mend it"
            )
        found[name] = score
    return found
