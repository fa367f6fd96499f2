"""A browser without a screen: it reads the rating page's forms and sends them, over HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from hps_bench.study.criteria import DECIMALS, SCORES
from hps_bench.study.page.forms import field_name

if TYPE_CHECKING:
    import httpx

    from hps_bench.study.assignment import Assignment
    from hps_bench.study.simulated import Given, SimulatedRater

_SECONDS = 60.0
"""Time that an answer may take: 20 raters share a disk that is written to at each save."""

_PAUSE = 2.0
"""Seconds before a request is sent again that was one too many a minute."""


@dataclass
class Form:
    """A form of a page: where it is sent, and its fields with their values."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, or a field of the last one."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given["action"]))
        if tag == "input" and self.forms and "name" in given:
            self.forms[-1].fields[given["name"]] = given.get("value", "")


def read_forms(page: str) -> list[Form]:
    """Forms of a page; a box that can be ticked counts as ticked."""
    reader = _Forms()
    reader.feed(page)
    return reader.forms


def rate_everything(rater: SimulatedRater, link: str, assignment: Assignment) -> None:
    """Open a personal link, rate every task as the page shows it, and submit.

    Args:
        rater: who rates.
        link: of that rater.
        assignment: what the page serves.

    Raises:
        httpx.HTTPError: the page does not answer, or refuses.
    """
    import httpx

    packet, items = assignment.by_rater[rater.rater], assignment.by_item
    root = link.rpartition("/r/")[0]
    with httpx.Client(base_url=root, follow_redirects=True, timeout=_SECONDS) as browser:
        _get(browser, link)
        _send(browser, _get(browser, "/"), "/start")
        page = _get(browser, "/tasks/1")
        for number, task in enumerate(packet.tasks, start=1):
            item = items[task.item]
            scores = {response: rater.rate(item, response) for response in task.responses}
            page = _send(browser, page, f"/tasks/{number}", go="next", **_filled(scores))
        _send(browser, page, "/submit")


def _filled(scores: dict[str, Given]) -> dict[str, str]:
    return {
        field_name(response, name): f"{given[name]:.{DECIMALS}f}"
        for response, given in scores.items()
        for name in SCORES
    }


def _send(browser: httpx.Client, page: str, action: str, **filled: str) -> str:
    """Send a form of a page with some of its fields filled in; the page that follows."""
    (form,) = (form for form in read_forms(page) if form.action == action)
    return _ask(browser, "POST", action, {**form.fields, **filled})


def _get(browser: httpx.Client, address: str) -> str:
    return _ask(browser, "GET", address)


def _ask(
    browser: httpx.Client, method: str, address: str, fields: dict[str, str] | None = None
) -> str:
    while (answer := browser.request(method, address, data=fields)).status_code == 429:
        time.sleep(_PAUSE)
    return answer.raise_for_status().text
