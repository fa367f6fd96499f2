"""A small study, and raters who use its page over HTTP as a browser without scripts would."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import httpx

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
from hps_bench.study.page.database import STORE
from hps_bench.study.page.links import LINKS, write_links
from hps_bench.study.page.server import running
from hps_bench.study.page.store import Store

PER_ITEM = 4
JSON = {"Accept": "application/json"}
SECRET = "the scores that the check expects"


def small_assignment(raters: int = 2, items: int = 3, text: str = "a response") -> Assignment:
    """Each rater has all items; the order of responses is turned by one from task to task."""
    made = [
        Item(
            item=f"i{number:02}",
            prompt=[Turn(role="user", content=f"question {number}: {text}")],
            responses=[
                ShownResponse(response=f"r{number:02}{letter}", text=f"{text} {letter}")
                for letter in "wxyz"[:PER_ITEM]
            ],
            check=Check(response=f"r{number:02}w", expected={SECRET: 1.0}) if not number else None,
        )
        for number in range(items)
    ]
    packets = [
        Packet(rater=f"rater-{rater:03}", tasks=[_turned(item, rater) for item in made])
        for rater in range(1, raters + 1)
    ]
    return make_assignment("small", 0, ["toy"], made, packets)


def _turned(item: Item, by: int) -> Task:
    names = [shown.response for shown in item.responses]
    turn = by % len(names)
    return Task(item=item.item, responses=names[turn:] + names[:turn])


@dataclass(frozen=True)
class Study:
    """A study in a folder whose raters have links.

    Attributes:
        folder: of its files.
        assignment: what is rated.
        tokens: of the personal links, by rater.
    """

    folder: Path
    assignment: Assignment
    tokens: Mapping[str, str]

    @property
    def store_file(self) -> Path:
        return self.folder / STORE

    @contextmanager
    def served(self) -> Iterator[str]:
        """Address of the page, while it is served in this process."""
        with running(self.assignment, self.store_file) as address:
            yield address

    def rater(self, address: str, name: str) -> Rater:
        """A rater's browser."""
        return Rater(address, self.tokens[name], self.assignment.by_rater[name])

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The store, opened beside the server."""
        store = Store.open(self.store_file, self.assignment)
        yield store
        store.close()


def new_study(folder: Path, assignment: Assignment) -> Study:
    """A study whose links have been made."""
    write_assignment(folder / ASSIGNMENT, assignment)
    store = Store.open(folder / STORE, assignment)
    write_links(store, assignment, "http://127.0.0.1:8400", folder / LINKS)
    store.close()
    with (folder / LINKS).open(encoding="utf-8", newline="") as file:
        tokens = {row["rater"]: row["link"].rpartition("/")[2] for row in csv.DictReader(file)}
    return Study(folder, assignment, tokens)


class Rater:
    """One rater's browser."""

    def __init__(self, address: str, token: str, packet: Packet) -> None:
        self.client = httpx.Client(base_url=address, timeout=120)
        self.token = token
        self.name = packet.rater
        self.tasks = packet.tasks

    def __enter__(self) -> Rater:
        self.client.get(f"/r/{self.token}").raise_for_status()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def begin(self) -> None:
        """Agree to take part."""
        form = {**fields(self.client.get("/").text), "consent": "yes"}
        assert self.client.post("/start", data=form).status_code == 303

    def form(self, task: int) -> dict[str, str]:
        """Fields of a task's form as the page has them."""
        page = self.client.get(f"/tasks/{task}")
        assert page.status_code == 200
        return {**fields(page.text), "go": "next"}

    def save(self, task: int, scores: Mapping[str, str], **headers: str) -> httpx.Response:
        """Fill in a task's form and send it."""
        form = {**self.form(task), **scores}
        return self.client.post(f"/tasks/{task}", data=form, headers=headers)

    def submit(self) -> httpx.Response:
        """Send the form that ends the study."""
        form = {**fields(self.client.get("/tasks").text), "final": "yes"}
        return self.client.post("/submit", data=form)


def fields(page: str) -> dict[str, str]:
    """Hidden and number fields of a page's forms."""
    found = {}
    for tag in re.findall(r"<input [^>]*>", page):
        attributes = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        if attributes["type"] in ("hidden", "number"):
            found[attributes["name"]] = unescape(attributes["value"])
    return found


def all_scores(task: Task, score: str) -> dict[str, str]:
    """The same score for everything in a task."""
    return {f"{response}.{on}": score for response in task.responses for on in SCORES}
