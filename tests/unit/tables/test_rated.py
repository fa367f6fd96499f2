import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from hps_bench.tables.build import build_table
from hps_bench.tables.html import html_page
from hps_bench.tables.latex import latex_fragment
from hps_bench.tables.long_form import csv_text
from hps_bench.tables.table import Table
from tests.unit.study.rated import rows, study_files, write_study
from tests.unit.tables.fabricated import HH, PKU, cells, job

POLICIES = ("dpo-bt", "dpo-pl", "dpo-hps")
CELLS = [*cells(*POLICIES), *cells(*POLICIES, trained_on=PKU)]


def table(results: Path, name: str = "table3", raters: int = 3, **fields: Any) -> Table:
    """SFT is given 2, and each policy half a point more than the one before."""
    given = rows(lambda _r, i, p: 2 + p / 2 + i % 2, 3, 4, **fields)
    write_study(results / "study", study_files(raters, 4), given)
    return build_table(name, job(*CELLS), results)


def means(of: Table, metric: str = "overall") -> list[float]:
    return [
        value.interval.mean
        for row in of.rows
        for column, value in row.values.items()
        if column.metric.name == metric and value.interval
    ]


def published(of: Table) -> Iterable[float | None]:
    return [next(iter(row.values.values())).published for row in of.rows]


def test_ours_stands_beside_the_papers_over_all_data_sets(tmp_path: Path) -> None:
    found = table(tmp_path)
    assert [row.labels[-1] for row in found.rows] == ["SFT model", "DPO-BT", "DPO-PL", "DPO-HPS"]
    assert means(found) == [2.5, 3.0, 3.5, 4.0]
    assert published(found) == [3.63, 3.82, 3.69, 3.93]
    assert [group.title for group in found.groups] == ["All data sets"]
    interval = found.rows[0].values[found.columns[0]].interval
    assert interval is not None
    assert (interval.seeds, interval.prompts) == (3, 4)
    assert "All data sets: 3 raters, 4 prompts." in found.notes
    assert found.layout.title == "Table 3: human study"


def test_by_data_set(tmp_path: Path) -> None:
    found = table(tmp_path, "table3-datasets")
    assert [group.title for group in found.groups] == ["HH-RLHF", "PKU-SafeRLHF"]
    assert means(found, "clarity") == [2.0, 3.0, 2.5, 3.5, 3.0, 4.0, 3.5, 4.5]
    assert set(published(found)) == {None}


def test_simulated_raters_are_named_and_never_beside_the_paper(tmp_path: Path) -> None:
    found = table(tmp_path, source="simulated")
    assert set(published(found)) == {None}
    assert "Published values are left out: raters are simulated." in found.notes
    assert found.notes[0].startswith("Simulated: these ratings are a program's.")
    assert "<h1>Table 3: human study (simulated raters)</h1>" in html_page(found)
    assert "Simulated: these ratings are a program's." in latex_fragment(found)
    assert "raters are simulated" in csv_text(found)


def lines(of: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(of))))


@pytest.mark.parametrize(("name", "values"), [("table3", 20), ("table3-datasets", 40)])
@pytest.mark.parametrize(
    ("source", "said"), [("simulated", "simulated"), ("page", "human"), ("potato", "human")]
)
def test_every_line_says_whose_ratings_it_is_of(
    tmp_path: Path, name: str, values: int, source: str, said: str
) -> None:
    found = lines(table(tmp_path, name, source=source))
    assert [line["ratings"] for line in found] == [said] * values


@pytest.mark.parametrize("name", ["table3", "table3-datasets"])
def test_raters_are_counted_as_raters(tmp_path: Path, name: str) -> None:
    found = lines(table(tmp_path, name))
    assert {line["raters"] for line in found} == {"3"}
    assert "seeds" not in found[0]


def test_raters_who_have_not_submitted_are_awaited(tmp_path: Path) -> None:
    found = table(tmp_path, raters=4)
    assert "3/4 raters" in csv_text(found)
    assert means(found) == [2.5, 3.0, 3.5, 4.0]


@pytest.mark.parametrize("begun", [False, True])
def test_before_the_first_rating_all_is_missing(tmp_path: Path, begun: bool) -> None:
    if begun:
        write_study(tmp_path / "study", study_files(2, 2), [])
    found = build_table("table3", job(*CELLS), tmp_path)
    assert means(found) == []
    assert {line["ratings"] for line in lines(found)} == {""}
    assert "Missing, no result yet: SFT model (All data sets); DPO-BT" in "\n".join(found.notes)


def test_the_data_sets_of_the_cells_are_those_that_count(tmp_path: Path) -> None:
    table(tmp_path)
    found = build_table("table3", job(*cells(*POLICIES, trained_on=HH)), tmp_path)
    assert means(found) == [2.0, 2.5, 3.0, 3.5]
