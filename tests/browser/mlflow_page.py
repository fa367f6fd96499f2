"""MLflow's page on a store, and what people do there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from hps_bench.tracking.ui import ready_views
from tests.loopback import free_port
from tests.mlflow_server import serving

PATIENCE = 30_000
"""Milliseconds to wait for the page, which asks the server many times."""


@contextmanager
def served_views(root: Path) -> Iterator[dict[str, str]]:
    """Addresses that ``hps-bench ui`` prints, while its server runs.

    Args:
        root: folder of all results folders, with the store.
    """
    port = free_port()
    with serving(root / "mlflow.db", port):
        _, *lines = ready_views(root, port)
        expect.set_options(timeout=PATIENCE)
        yield {name.strip(): url for name, url in (line.rsplit(maxsplit=1) for line in lines)}
        expect.set_options(timeout=None)


@contextmanager
def visiting(browser: Browser, views: dict[str, str]) -> Iterator[Page]:
    """A page that asks no other server than the one of the views."""
    (origin,) = {url.partition("/#")[0] for url in views.values()}
    context = browser.new_context(viewport={"width": 2600, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    yield page
    allowed = (origin, "data:", "blob:")
    assert [url for url in elsewhere if not url.startswith(allowed)] == []
    context.close()


def names(page: Page) -> Locator:
    """Names of the runs in the list."""
    return page.locator(".ag-pinned-left-cols-container .ag-row a")


def search(page: Page, condition: str) -> None:
    """Type a filter."""
    page.get_by_test_id("search-box").fill(condition)
    page.get_by_test_id("search-box").press("Enter")


def compare(page: Page) -> None:
    """Compare all runs in the list."""
    for row in page.locator(".ag-pinned-left-cols-container .ag-row").all():
        row.locator(".ag-checkbox-input").check()
    page.get_by_role("button", name="Compare").click()


def open_file(page: Page, run: str, *path: str) -> None:
    """Open a file of a run, from the list of runs."""
    names(page).get_by_text(run, exact=True).click()
    page.get_by_role("tab", name="Artifacts").click()
    for part in path:
        page.get_by_text(part, exact=True).click()
