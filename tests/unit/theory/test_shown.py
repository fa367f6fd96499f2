"""Where the theorems' figures stand: on the page of all results and in the report."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from hps_bench.config import Config
from hps_bench.index_page.page import index_page
from hps_bench.report.stage import write_report
from hps_bench.theory.catalogue import THEOREMS
from hps_bench.theory.settings import TheorySettings
from hps_bench.theory.stage import write_theory
from tests.unit.index_page.fabricated import small_config
from tests.unit.report.test_document import typeset
from tests.unit.tables.typeset import needs_latex
from tests.unit.theory.tiny import TINY


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_theory(TheorySettings.model_validate(TINY), folder / "theory")
    return folder


@pytest.fixture
def config() -> Config:
    return small_config(theory={})


def test_the_page_shows_every_figure_with_its_numbers(results: Path, config: Config) -> None:
    page = index_page(config, results)
    shown = page[page.index('id="theory"') : page.index('id="cells"')]
    assert re.findall(r'<figure id="figure-([\w-]+)">', shown) == list(THEOREMS)
    assert re.findall(r'href="(theory/[\w-]+\.md)"', shown) == [
        f"theory/theorem-{number}.md" for number in (1, 2, 3)
    ]


def test_a_config_without_theory_shows_none(results: Path) -> None:
    assert 'id="theory"' not in index_page(small_config(), results)


def test_the_report_names_what_is_not_there_yet(
    results: Path, config: Config, tmp_path: Path
) -> None:
    shutil.copytree(results, tmp_path, dirs_exist_ok=True)
    (tmp_path / "theory" / "theorem-2.pdf").unlink()
    text = write_report(config, tmp_path, tmp_path / "report").read_text(encoding="utf-8")
    start = text.index(r"\section{The theorems, simulated}")
    section = text[start : text.index(r"\section{The paper beside ours}")]
    assert section.count(r"\reportfigure{") == len(THEOREMS) - 1
    assert "Not there yet: Theorem 2: the loss as" in section


@needs_latex
def test_the_report_shows_them(results: Path, config: Config, tmp_path: Path) -> None:
    shutil.copytree(results, tmp_path, dirs_exist_ok=True)
    text = typeset(write_report(config, tmp_path, tmp_path / "report"))
    for number in (1, 2, 3):
        assert f"Theorem {number}" in text
