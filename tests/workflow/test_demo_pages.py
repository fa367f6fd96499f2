"""What the demo leaves to be looked at, in a browser: MLflow's page on its store, its index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hps_bench.records import read_rows
from hps_bench.schemas import SAMPLES
from tests.browser.chromium import chromium
from tests.browser.mlflow_page import compare, names, open_file, search, served_views, visiting
from tests.browser.watched import Watched

pytestmark = [pytest.mark.demo, pytest.mark.xdist_group("demo")]

SETTING = "n20 b0.1 s0"
CELL = f"dpo-hps toy-dialogue {SETTING} on toy-dialogue"
FOLDER = "evaluations/toy-dialogue/toy-dialogue/dpo-hps/n20-b0.1-s0"
OF_CELL = (
    "tags.reward = 'dpo' and tags.dataset = 'toy-dialogue' and tags.evaluated_on = 'toy-dialogue' "
    "and tags.responses = '20' and tags.beta = '0.1' and tags.seed = '0' and tags.method "
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, gone before other tests run."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def views(demo: Path) -> Iterator[dict[str, str]]:
    """Addresses of the views of the demo's own store."""
    with served_views(demo / "results") as addresses:
        yield addresses


@pytest.fixture
def page(browser: Browser, views: dict[str, str]) -> Iterator[Page]:
    """A page that is closed after the test."""
    with visiting(browser, views) as opened:
        yield opened


def test_the_best_evaluation_stands_first(page: Page, views: dict[str, str], demo: Path) -> None:
    files = (demo / "results/demo/evaluations").glob("*/*/*/*/evaluation.json")
    best = max(files, key=lambda file: float(json.loads(file.read_text())["reward_best"]))
    evaluated_on, trained_on, policy, setting = best.parts[-5:-1]
    page.goto(views["Evaluations"])
    expect(names(page).first).to_have_text(
        f"{policy} {trained_on} {setting.replace('-', ' ')} on {evaluated_on}"
    )


def test_a_filter_by_all_axes_finds_one_cell(page: Page, views: dict[str, str]) -> None:
    page.goto(views["Evaluations"])
    expect(names(page).first).to_be_visible()
    search(page, f"{OF_CELL} = 'hps'")
    expect(names(page)).to_have_text([CELL])


def test_two_methods_are_compared(page: Page, views: dict[str, str]) -> None:
    page.goto(views["Evaluations"])
    expect(names(page).first).to_be_visible()
    search(page, f"{OF_CELL} != 'bt' and tags.method != 'hps-corrected'")
    expect(names(page)).to_have_count(2)
    compare(page)
    expect(page.get_by_text("Comparing 2 Runs")).to_be_visible()
    for text in (CELL, CELL.replace("hps", "pl"), "eval/rm_dpo"):
        expect(page.get_by_text(text).first).to_be_visible()


def test_the_samples_of_a_run_open_as_a_table(
    page: Page, views: dict[str, str], demo: Path
) -> None:
    samples = read_rows(demo / "results/demo" / FOLDER / "samples.parquet", SAMPLES)
    first = next(row["text"] for row in samples if row["sample_index"] == 0)
    page.goto(views["Evaluations"])
    expect(names(page).first).to_be_visible()
    search(page, f"{OF_CELL} = 'hps'")
    expect(names(page)).to_have_count(1)
    open_file(page, CELL, "samples.json")
    expect(page.get_by_text(first).first).to_be_visible()


def test_the_index_opens_without_a_network_or_a_complaint(browser: Browser, demo: Path) -> None:
    context = browser.new_context()
    watched = Watched(context)
    page = watched.page
    file = demo / "results/demo/index.html"
    page.goto(f"file://{file}")
    expect(page.locator("tr.cell").first).to_be_visible()
    expect(page.get_by_text("442.51").first).to_be_attached()
    assert [url for url in watched.asked if not url.startswith("data:")] == [f"file://{file}"]
    assert watched.complaints == []
    links = page.locator("a[href]").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    own = {link.partition("#")[0] for link in links if "://" not in link} - {""}
    assert "report/report.pdf" in own
    assert [link for link in own if not (file.parent / link).exists()] == []
    context.close()
