"""What the page's forms hold, and how it is read.

All forms are ``application/x-www-form-urlencoded`` in UTF-8, at most 64 KiB, every field once.
``csrf`` is in all of them: the value of the form on the page that the same session was shown.

``GET /r/{token}`` (the personal link) signs in by the cookie ``rater`` and leads on to ``/``.
``POST /start``: ``csrf``, ``consent`` = ``yes``. Needed once, before the first task.
``GET /tasks``: all tasks; ``GET /tasks/{task}``: one, counted from 1.
``POST /tasks/{task}``:

* ``csrf``, and ``revision`` as the form has it: 0 at first, one more after every save;
* ``{response}.{criterion}`` for each of the task's responses and each of ``correctness``,
  ``helpfulness``, ``safety``, ``clarity`` and ``overall``: a number from 1 to 5 with at most two
  decimals, or empty for none yet;
* ``go`` = ``next`` | ``previous`` | ``tasks``: where to go on (303); ``stay`` saves alone.

``POST /submit``: ``csrf``, ``final`` = ``yes``. Once, when all scores of all tasks are there.

With ``Accept: application/json`` the answer to a save is ``{"revision": …, "complete": …}``, the
new revision and the number of complete tasks, and every refusal is ``{"reason": …}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from hps_bench.study.criteria import SCORES
from hps_bench.study.page.store import Score

FORM = "application/x-www-form-urlencoded"
DIRECTIONS = ("next", "previous", "tasks", "stay")

_NUMBER = re.compile(r"(?:[1-4](?:[.,][0-9]{1,2})?|5(?:[.,]00?)?)", re.ASCII)
_REVISION = re.compile(r"[0-9]{1,9}", re.ASCII)


class MalformedError(Exception):
    """The form is not one that the page has sent."""


@dataclass(frozen=True)
class SentTask:
    """A task's form.

    Attributes:
        revision: of the scores that the form was filled in from.
        texts: what was written in each field.
        scores: what that means; None where nothing was written.
        wrong: fields that hold no score.
        go: where to go on.
    """

    revision: int
    texts: Mapping[str, str]
    scores: Mapping[Score, float | None]
    wrong: Sequence[str]
    go: str


def field_name(response: str, criterion: str) -> str:
    """Name of the field for a score."""
    return f"{response}.{criterion}"


def field_names(responses: Iterable[str]) -> dict[str, Score]:
    """The fields of all scores of a task, and what each is the score of."""
    return {field_name(response, on): (response, on) for response in responses for on in SCORES}


def parse_form(body: bytes, most: int) -> dict[str, str]:
    """Fields of a form.

    Args:
        body: of the request.
        most: number of fields that there may be.

    Raises:
        MalformedError: it is no form, or a field stands in it twice.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=most,
        )
    except ValueError as error:
        raise MalformedError from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedError
    return fields


def _only(fields: Mapping[str, str], names: Iterable[str]) -> None:
    """Make sure that a form has these fields and no others.

    Raises:
        MalformedError: it does not.
    """
    if set(fields) != set(names):
        raise MalformedError


def check_agreed(fields: Mapping[str, str], box: str) -> None:
    """Make sure that a form holds one box, which has been ticked.

    Raises:
        MalformedError: it does not.
    """
    _only(fields, ["csrf", box])
    if fields[box] != "yes":
        raise MalformedError


def read_task(fields: Mapping[str, str], responses: Sequence[str]) -> SentTask:
    """Read the form of a task.

    Args:
        fields: as sent.
        responses: of the task.

    Raises:
        MalformedError: the fields are not those of this task.
    """
    names = field_names(responses)
    _only(fields, ["csrf", "revision", "go", *names])
    if not _REVISION.fullmatch(fields["revision"]) or fields["go"] not in DIRECTIONS:
        raise MalformedError
    texts = {name: fields[name].strip() for name in names}
    wrong = [name for name, text in texts.items() if text and not _NUMBER.fullmatch(text)]
    right = {names[name]: _score(text) for name, text in texts.items() if name not in wrong}
    return SentTask(int(fields["revision"]), texts, right, wrong, fields["go"])


def _score(text: str) -> float | None:
    return float(text.replace(",", ".")) if text else None
