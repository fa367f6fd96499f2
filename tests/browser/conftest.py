"""One browser for all tests, and a study on the rating page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import chromium
from tests.browser.rating_page import Visit
from tests.unit.study.page.raters import Study, new_study, small_assignment


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return new_study(tmp_path, small_assignment(raters=2, items=2))


@pytest.fixture
def visit(browser: Browser, study: Study) -> Iterator[Visit]:
    with study.served() as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        visit = Visit(context, address=address)
        yield visit
        context.close()
    assert visit.complaints == []
    assert [url for url in visit.asked if not url.startswith(address)] == []
