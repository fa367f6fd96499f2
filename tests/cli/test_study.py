"""Mistakes of who runs a study: one line, exit code 2, nothing changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hps_bench.records import write_rows
from hps_bench.schemas import RATINGS
from hps_bench.study.potato import write_project
from hps_bench.study.ratings import RATINGS_FILE
from tests.cli.command import complaint, hps_bench
from tests.unit.study.page.raters import new_study, small_assignment
from tests.unit.study.rated import rating
from tests.unit.study.small import small_study
from tests.unit.study.test_potato import STATES

NOWHERE = "192.0.2.1"
"""An address of nobody (RFC 5737): a server that is started all the same cannot listen there."""


def test_a_page_for_other_machines_needs_its_address(tmp_path: Path) -> None:
    new_study(tmp_path, small_assignment(1))
    serve = ("study", "serve", "--study", tmp_path, "--host", NOWHERE)
    assert complaint(hps_bench(*serve)) == (
        f"--host {NOWHERE}: browsers elsewhere would all be refused (421) without the page's "
        "address; give it, for example --address https://rate.example.org"
    )
    told = complaint(hps_bench(*serve, "--address", "https://rate.example.org"))
    assert "cannot listen there" in told


@pytest.mark.parametrize(
    ("command", "there", "comes"),
    [("export", "potato", "page"), ("import-potato", "page", "potato")],
)
def test_ratings_of_another_source_stay(
    tmp_path: Path, command: str, there: str, comes: str
) -> None:
    """Two raters have rated on Potato, and nobody on the page."""
    new_study(tmp_path, small_study())
    write_project(small_study(), tmp_path / "project")
    shutil.copytree(STATES, tmp_path / "project" / "annotation_output")
    file = tmp_path / RATINGS_FILE
    write_rows(file, [rating(0, "i1", "i1-a", 1, 3.0, source=there)], RATINGS)
    before = file.read_bytes()
    project = ("--project", tmp_path / "project") if command == "import-potato" else ()
    assert complaint(hps_bench("study", command, "--study", tmp_path, *project)) == (
        f"{file}: has ratings of source {there!r}, which those of source {comes!r} would replace; "
        "move it away first"
    )
    assert file.read_bytes() == before
