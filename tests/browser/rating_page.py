"""The rating page in a rater's browser."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect

from hps_bench.study.criteria import SCORES
from tests.browser.watched import Watched

FIELDS = 4 * len(SCORES)


@dataclass
class Visit(Watched):
    """A browser of one rater."""

    address: str = field(kw_only=True)

    def open_link(self, token: str) -> Page:
        """Open the personal link, which leads to the instructions."""
        self.page.goto(f"{self.address}/r/{token}")
        self.page.wait_for_url(f"{self.address}/")
        return self.page

    def begin(self, token: str) -> Page:
        """Open the personal link, agree, and open the first task."""
        page = self.open_link(token)
        page.get_by_role("checkbox").check()
        page.get_by_role("button", name="Begin").click()
        page.get_by_role("link", name="Begin with task 1").click()
        page.wait_for_url("**/tasks/1")
        return page


def fields(page: Page) -> Locator:
    return page.locator("#scores input[type=number]")


def fill(page: Page, score: str) -> None:
    for number in range(FIELDS):
        fields(page).nth(number).fill(score)


def expect_saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text("Saved")
