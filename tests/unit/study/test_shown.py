"""Where a study's tables stand: among the cells of a config, on the page, in the report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from hps_bench.config import Config
from hps_bench.index_page.page import index_page
from hps_bench.report.stage import write_report
from hps_bench.study.analysis_stage import write_analysis
from hps_bench.study.criteria import SCORES
from hps_bench.tables.stage import write_table
from hps_bench.workflow import Workflow
from tests.unit.index_page.fabricated import small_config
from tests.unit.report.test_document import typeset
from tests.unit.study.rated import SETTINGS, rows, study_files, write_study
from tests.unit.tables.fabricated import PKU, cells, job
from tests.unit.tables.typeset import needs_latex

POLICIES = ("dpo-bt", "dpo-pl", "dpo-hps")


def config(**study: Any) -> Config:
    return small_config(
        tables={"table2": ["fine-tuning"], "table3": ["fine-tuning"], "table6": ["fine-tuning"]},
        study={"experiment": "fine-tuning", "methods": ["bt", "hps"], **study},
    )


def write_results(results: Path) -> None:
    """Ratings by six simulated raters, one of whom fails, and their tables."""
    rng = np.random.default_rng(0)

    def give(rater: int, _item: int, policy: int) -> dict[str, float | None]:
        if rater == 0:
            return dict.fromkeys(SCORES, 5.0)
        return {name: round(rng.uniform(1, 3), 2) + policy / 2 for name in SCORES}

    write_study(results / "study", study_files(6, 4), rows(give, 6, 4, source="simulated"))
    write_analysis(results / "study", SETTINGS, results / "tables")
    of = [*cells(*POLICIES), *cells(*POLICIES, trained_on=PKU)]
    write_table("table3", job(*of), results, results / "tables")


def test_of_an_experiment_the_rated_policies_are_shown() -> None:
    made = Workflow(config(policy_seed=1))
    shown = made.table_cells("table3")
    assert {(cell.reward, cell.method, cell.seed) for cell in shown} == {
        ("dpo", "bt", 1),
        ("dpo", "hps", 1),
    }
    assert len(shown) == 4
    assert len(made.table_cells("table2")) == 16


def test_the_page_shows_them_after_the_means(tmp_path: Path) -> None:
    write_results(tmp_path)
    page = index_page(config(simulated={}), tmp_path)
    found = re.findall('<details class="part" id="table-(.*?)"', page)
    assert found == ["table3", "table3-agreement", "table3-raters"]
    assert page.count("(simulated raters)</h3>") == 3


@needs_latex
def test_the_report_shows_them_and_says_simulated(tmp_path: Path) -> None:
    write_results(tmp_path)
    text = typeset(write_report(config(simulated={}), tmp_path, tmp_path / "report"))
    headings = ("human study", "agreement and tests", "raters")
    for heading in headings:
        assert f"Table 3: {heading} (simulated raters)" in text
    assert "Krippendorff" in text
    assert "the same scores" in text


@needs_latex
def test_the_report_names_what_people_have_yet_to_give(tmp_path: Path) -> None:
    text = " ".join(typeset(write_report(config(), tmp_path, tmp_path / "report")).split())
    assert "Not there yet: Table 3: agreement and tests; Table 3: raters." in text
