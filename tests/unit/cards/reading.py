"""Markdown as markdown-it reads it: CommonMark with tables, and HTML where it is not escaped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

_TEXT = {"text", "text_special", "code_inline", "fence", "code_block", "softbreak"}


@dataclass(frozen=True)
class Page:
    """What Markdown becomes.

    Attributes:
        elements: elements other than text and code, each with its attributes.
        text: what a reader sees.
    """

    elements: list[tuple[str, dict[str, object]]]
    text: str

    @property
    def links(self) -> list[object]:
        """Where links lead."""
        return [attributes["href"] for name, attributes in self.elements if name == "link_open"]


def read(markdown: str) -> Page:
    """Elements and text of Markdown."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = list(_flat(reader.parse(markdown)))
    return Page(
        [(token.type, dict(token.attrs)) for token in tokens if token.type not in _TEXT],
        "".join(token.content or "\n" for token in tokens if token.type in _TEXT),
    )


def _flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "inline":
            yield from _flat(token.children or [])
        else:
            yield token
