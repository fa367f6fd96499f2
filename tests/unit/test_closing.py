from pathlib import Path

import pytest

from hps_bench.closing import after_failure, after_success, write_index_so_far
from hps_bench.config import load_config
from hps_bench.errors import UserError
from hps_bench.workflow import Workflow
from tests.cli.command import TINY

RESULTS = Path("results/tiny")


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workflow:
    """The tiny config in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Workflow(load_config(TINY))


def made(*paths: str) -> list[str]:
    for path in paths:
        (RESULTS / path).parent.mkdir(parents=True, exist_ok=True)
        (RESULTS / path).touch()
    return [str(RESULTS / path) for path in paths]


def listed(message: str) -> list[str]:
    """Files that a message names, one a line."""
    return [line.strip() for line in message.splitlines() if line.startswith("  ")]


def test_a_whole_run_ends_at_its_page_and_its_report(suite: Workflow) -> None:
    made("tables/table2.html")
    asked = made("index.html", "report/report.tex", "report/report.pdf")
    message = after_success(suite, asked)
    assert listed(message) == [f"{RESULTS}/index.html", f"{RESULTS}/report/report.pdf"]
    assert message.startswith(f"Done. Results of 'tiny' are in {RESULTS}:")


def test_without_latex_the_report_is_its_source(suite: Workflow) -> None:
    message = after_success(suite, made("index.html", "report/report.tex"))
    assert listed(message) == [f"{RESULTS}/index.html", f"{RESULTS}/report/report.tex"]


def test_a_run_for_tables_names_those_that_are_there_and_no_old_page(suite: Workflow) -> None:
    made("index.html", "report/report.pdf")
    message = after_success(suite, made("tables/table2.html"))
    assert listed(message) == [f"{RESULTS}/tables/table2.html"]


def test_what_is_left_to_do_is_told(suite: Workflow) -> None:
    with pytest.raises(UserError, match=r"1 files are still to do \(results/tiny/x first\)"):
        after_success(suite, [*made("index.html"), f"{RESULTS}/x"])


def test_a_page_of_what_there_is_goes_after_success(suite: Workflow) -> None:
    page = write_index_so_far(suite)
    assert "3 of 3 evaluations are missing" in page.read_text(encoding="utf-8")
    after_success(suite, made("index.html"))
    assert not page.exists()


def test_a_failed_run_shows_what_there_is(suite: Workflow) -> None:
    lines = after_failure(suite).splitlines()
    assert f"Tables, with missing cells marked: {RESULTS}/tables-so-far" in lines
    assert f"{len(suite.config.figures)} figures in {RESULTS}/figures-so-far" in lines
    assert f"All results so far on one page: {RESULTS}/index-so-far.html" in lines
    assert (RESULTS / "tables-so-far" / "paper_comparison" / "values.html").is_file()
