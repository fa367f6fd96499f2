"""Markdown of cards: text from configs and data stays text."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from functools import cache
from urllib.parse import quote

import jinja2

from hps_bench.safe_text import shortened, visible_text

_ESCAPES = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_[]|~$"}
    | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def markdown_text(value: object) -> Markdown:
    """Escape text for the inside of a line of Markdown, as GitHub and the Hugging Face hub read it.

    A very long text loses its middle; what is Markdown already stays as it is.
    """
    if isinstance(value, Markdown):
        return value
    return Markdown(shortened(visible_text(str(value))).translate(_ESCAPES))


def code_span(value: object) -> Markdown:
    """Text in the type of code, or as escaped text where a code span could not hold it."""
    text = shortened(visible_text(str(value)))
    is_plain = text.strip() == text != "" and not set(text) & set("`|$")
    return Markdown(f"`{text}`") if is_plain else markdown_text(text)


def link(text: str, target: str) -> Markdown:
    """Link to a file, by its path relative to the card."""
    return Markdown(f"[{markdown_text(text)}]({quote(target)})")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Markdown:
    """A table; cells that are not Markdown yet are escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return Markdown("\n".join(f"| {' | '.join(map(markdown_text, line))} |" for line in lines))


@cache
def card_templates() -> jinja2.Environment:
    """Templates in which every value that is not Markdown yet is escaped.

    Filters: ``code`` makes a code span; ``python`` and ``shell`` write a text as a literal of
    these languages, on one line, for code blocks.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hps_bench.cards"),
        finalize=markdown_text,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = code_span
    environment.filters["python"] = _python
    environment.filters["shell"] = _shell
    return environment


def _python(text: str) -> Markdown:
    return Markdown(json.dumps(visible_text(text), ensure_ascii=False))


def _shell(text: str) -> Markdown:
    return Markdown(shlex.quote(visible_text(text)))
