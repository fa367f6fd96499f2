"""MLflow's page on an uploaded grid, as people browse it: views, one cell, two runs, tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hps_bench.tracking.upload import upload
from tests.browser.mlflow_page import compare, names, open_file, search, served_views, visiting
from tests.unit.tracking.fabricated import experiment, write_grid

pytestmark = pytest.mark.browser

METHODS = ("pl", "bt", "hps")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An uploaded grid: three methods and seeds on two data sets, and transfer; 61 runs."""
    own = experiment(METHODS, datasets=["hh", "pku"], seeds=[0, 1, 2])
    transfer = experiment(METHODS, datasets=["hh"], evaluate_on="others")
    folder = tmp_path_factory.mktemp("mlflow") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        write_grid(folder / "demo", {"own": own, "transfer": transfer})
        upload(folder / "demo")
        yield folder


@pytest.fixture(scope="module")
def views(root: Path) -> Iterator[dict[str, str]]:
    """Addresses of the views."""
    with served_views(root) as addresses:
        yield addresses


@pytest.fixture
def page(browser: Browser, views: dict[str, str]) -> Iterator[Page]:
    """A page that is closed after the test."""
    with visiting(browser, views) as opened:
        yield opened


def test_a_view_opens_with_its_columns_and_its_order(page: Page, views: dict[str, str]) -> None:
    """Evaluation number 21 has the highest reward: 21."""
    page.goto(views["Evaluations"])
    expect(names(page).first).to_have_text("dpo-hps hh n20 b0.1 s0 on pku")
    for column in ("eval/reward_best", "eval/rm_dpo", "reward", "method", "evaluated_on"):
        expect(page.get_by_test_id(f"sort-header-{column}")).to_be_visible()
    expect(page.get_by_role("gridcell", name="21", exact=True)).to_be_visible()


def test_means_over_seeds(page: Page, views: dict[str, str]) -> None:
    """HPS on pku is evaluations 16, 17 and 18."""
    page.goto(views["Evaluations, mean over seeds"])
    groups = page.locator(".ag-pinned-left-cols-container .ag-row")
    group = groups.filter(has_text="dpo-hps pku n20 b0.1 on pku")
    expect(group).to_contain_text("3")
    index = group.get_attribute("row-index")
    cells = page.locator(f".ag-center-cols-container .ag-row[row-index='{index}']")
    expect(cells).to_contain_text("17 (average)")


def test_curves_are_drawn_for_each_policy(page: Page, views: dict[str, str]) -> None:
    page.goto(views["Training curves"])
    expect(page.get_by_text("train/loss", exact=True)).to_be_visible()
    expect(page.get_by_text("dpo-hps (train/loss)")).to_be_visible()


def test_samples_of_runs_stand_side_by_side(page: Page, views: dict[str, str]) -> None:
    page.goto(views["Samples side by side, pku"])
    expect(page.get_by_text("answer 21 to p1, sample 0")).to_be_visible()
    expect(page.get_by_text("answer 20 to p1, sample 0")).to_be_visible()


def test_a_filter_finds_one_cell(page: Page, views: dict[str, str]) -> None:
    page.goto(views["Evaluations"])
    expect(names(page).first).to_be_visible()
    search(page, "tags.method = 'hps' and tags.evaluated_on = 'hh' and metrics.`axis/seed` > 1")
    expect(names(page)).to_have_text(["dpo-hps hh n20 b0.1 s2 on hh"])


def test_two_runs_are_compared(page: Page, views: dict[str, str]) -> None:
    page.goto(views["Evaluations"])
    expect(names(page).first).to_be_visible()
    search(page, "tags.cell LIKE 'dpo-hps%' and tags.evaluated_on = 'hh' and tags.seed != '1'")
    expect(names(page)).to_have_count(2)
    compare(page)
    expect(page.get_by_text("Comparing 2 Runs")).to_be_visible()
    for text in ("dpo-hps hh n20 b0.1 s0 on hh", "dpo-hps hh n20 b0.1 s2 on hh", "eval/rm_dpo"):
        expect(page.get_by_text(text).first).to_be_visible()


def test_the_tables_of_a_run_open(page: Page, views: dict[str, str]) -> None:
    page.goto(views["Evaluations"])
    open_file(page, "dpo-hps hh n20 b0.1 s0 on pku", "samples.json")
    expect(page.get_by_text("answer 21 to p1, sample 0")).to_be_visible()
    expect(page.get_by_text("human answer 1")).to_be_visible()
    page.get_by_text("records.json", exact=True).click()
    expect(page.get_by_text("21.1", exact=True)).to_be_visible()


def test_experiments_unfold_and_the_grid_holds_what_shows_it(
    page: Page, views: dict[str, str]
) -> None:
    page.goto(views["Evaluations"].replace("viewStateShareKey=evaluations&", ""))
    expect(names(page)).to_have_text(["grid", "own", "transfer"])
    row = page.locator(".ag-pinned-left-cols-container .ag-row").filter(has_text="transfer")
    row.get_by_role("button").first.click()
    expect(names(page).get_by_text("dpo-hps hh n20 b0.1 s0 on pku")).to_be_visible()
    open_file(page, "grid", "figures", "margins.png")
    expect(page.get_by_role("img", name="margins.png")).to_be_visible()
