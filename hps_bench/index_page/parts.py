"""What other stages have written, taken into the page: tables, comparisons, figures."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from hps_bench.errors import UserError
from hps_bench.figures.catalogue import FigureInfo, has_records
from hps_bench.integrity import check

COMPARISONS = ("claims", "values", "consistency")
"""Pages of the comparison with the paper, what matters most first."""

_PAGE = re.compile(r"<h1>(?P<title>.*?)</h1>(?P<body>.*)</body>", re.DOTALL)


@dataclass(frozen=True)
class Link:
    """A file beside the page; ``path`` is relative to it."""

    text: str
    path: str


@dataclass(frozen=True)
class Part:
    """A table from a page of its own.

    Attributes:
        name: of its files, unique on the page.
        title: its heading, as markup.
        body: the rest of its page, as markup.
        links: its files.
    """

    name: str
    title: Markup
    body: Markup
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Figure:
    """A figure, with its picture as a data address."""

    name: str
    title: str
    caption: str
    picture: str
    links: tuple[Link, ...]


def read_parts(results: Path, folder: str, names: Iterable[str]) -> list[Part]:
    """Tables of a folder, in the order of their names; those that are not there are left out.

    Raises:
        UserError: a page is damaged.
    """
    return [part for name in names if (part := _part(results, folder, name))]


def read_figures(results: Path, folder: str, infos: Iterable[FigureInfo]) -> list[Figure]:
    """Figures of a folder; those that are not there, or without records, are left out.

    Raises:
        UserError: a picture is damaged.
    """
    return list(_figures(results / folder, infos))


def existing_links(results: Path, links: Iterable[Link]) -> tuple[Link, ...]:
    """Those of some links whose files are there."""
    return tuple(link for link in links if (results / link.path).is_file())


def _part(results: Path, folder: str, name: str) -> Part | None:
    file = results / folder / f"{name}.html"
    if not file.is_file():
        return None
    check(file)
    page = _PAGE.search(file.read_text(encoding="utf-8"))
    if page is None:
        raise UserError(f"{file}: no page with a heading; delete it and run the same command")
    # Its templates have escaped what came from configs and data.
    title, body = Markup(page["title"]), Markup(page["body"])
    return Part(name, title, body, _files(results, folder, name, ("html", "csv", "tex")))


def _figures(folder: Path, infos: Iterable[FigureInfo]) -> Iterator[Figure]:
    for info in infos:
        file, records = folder / f"{info.name}.png", folder / f"{info.name}.csv"
        # The theory's figures have no file of what is drawn.
        if file.is_file() and (not records.is_file() or has_records(records)):
            check(file)
            picture = f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"
            links = _files(folder.parent, folder.name, info.name, ("pdf", "png", "csv", "md"))
            yield Figure(info.name, info.title, info.caption, picture, links)


def _files(results: Path, folder: str, name: str, kinds: Iterable[str]) -> tuple[Link, ...]:
    named = {"html": "page", "tex": "LaTeX", "md": "numbers"}
    links = (Link(named.get(kind, kind.upper()), f"{folder}/{name}.{kind}") for kind in kinds)
    return existing_links(results, links)
