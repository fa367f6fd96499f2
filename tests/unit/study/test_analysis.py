import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from hps_bench.errors import UserError
from hps_bench.records import read_json
from hps_bench.study.analysis import Analysis, analyse
from hps_bench.study.analysis_stage import ANALYSIS, write_analysis
from hps_bench.study.criteria import SCORES
from hps_bench.study.long_form import agreement_csv, raters_csv
from hps_bench.study.sheets import agreement_sheet, raters_sheet
from tests.unit.study.rated import (
    POLICIES,
    SETTINGS,
    Give,
    rated,
    rows,
    study_files,
    write_study,
)

RATERS, ITEMS = 4, 6
SIMULATED = "Simulated: these ratings are a program's."


def ratings(constant: bool = True) -> Give:
    """HPS is better by half a point; the last rater gives the same scores for everything."""
    drawn = np.random.default_rng(0).normal(3, 0.3, (RATERS, ITEMS, 4))

    def give(rater: int, item: int, policy: int) -> float:
        if constant and rater == RATERS - 1:
            return 5.0
        return float(np.clip(drawn[rater, item, policy] + (policy == 3) / 2, 1, 5).round(2))

    return give


def analysed(constant: bool = True, source: str = "page") -> Analysis:
    return analyse(rated(ratings(constant), RATERS, ITEMS, source=source), SETTINGS)


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_findings_with_and_without_raters_who_fail() -> None:
    found = analysed()
    assert [of.rater for of in found.raters if of.reasons] == ["rater-03"]
    assert found.everyone.raters == ["rater-00", "rater-01", "rater-02", "rater-03"]
    assert found.passing is not None
    assert found.passing.raters == ["rater-00", "rater-01", "rater-02"]
    means = [of.means["sft"]["overall"] for of in (found.everyone, found.passing)]
    assert means[0] is not None
    assert means[1] is not None
    assert means[0].mean == pytest.approx((3 * means[1].mean + 5) / 4)
    assert list(found.everyone.means) == list(POLICIES)
    assert (found.asked, found.items, found.simulated) == (4, 6, False)


def test_when_nobody_fails_there_is_one_set_of_findings() -> None:
    found = analysed(constant=False)
    assert found.passing is None
    assert agreement_sheet(found).blocks[0].headings[-1].text == "All raters"


def test_files(tmp_path: Path) -> None:
    write_study(tmp_path, study_files(RATERS, ITEMS), rows(ratings(), RATERS, ITEMS))
    result = write_analysis(tmp_path, SETTINGS, tmp_path / "tables")
    assert result["raters"] == "4 of 4"
    assert result["failing"] == {"rater-03": ["the same scores for every response"]}
    stored = read_json(tmp_path / ANALYSIS)
    assert stored["simulated"] is False
    assert set(stored["everyone"]["agreement"]) == set(SCORES)
    mean = stored["everyone"]["means"]["sft"]["overall"]
    assert (mean["raters"], mean["prompts"], "seeds" in mean) == (RATERS, ITEMS, False)
    assert len(stored["everyone"]["model"]["differences"]) == 6
    for name in ("table3-agreement", "table3-raters"):
        for kind in ("csv", "tex", "html"):
            assert (tmp_path / "tables" / f"{name}.{kind}").stat().st_size
    again = tmp_path / "again"
    write_analysis(tmp_path, SETTINGS, again)
    for file in again.iterdir():
        if file.is_file():
            assert file.read_bytes() == (tmp_path / "tables" / file.name).read_bytes()


def test_every_output_says_that_raters_are_simulated(tmp_path: Path) -> None:
    given = rows(ratings(), RATERS, ITEMS, source="simulated")
    write_study(tmp_path, study_files(RATERS, ITEMS), given)
    assert write_analysis(tmp_path, SETTINGS, tmp_path)["simulated"] is True
    assert json.loads((tmp_path / ANALYSIS).read_text())["simulated"] is True
    for name in ("table3-agreement", "table3-raters"):
        page = (tmp_path / f"{name}.html").read_text()
        assert "(simulated raters)</h1>" in page
        assert "Simulated: these ratings are a program" in page
        assert "Simulated: these ratings are a program" in (tmp_path / f"{name}.tex").read_text()
        assert {line["ratings"] for line in lines((tmp_path / f"{name}.csv").read_text())} == {
            "simulated"
        }


def test_people_are_not_called_simulated() -> None:
    found = analysed()
    for sheet in (agreement_sheet(found), raters_sheet(found)):
        assert "imulated" not in sheet.title
        assert not any(SIMULATED in note for note in sheet.notes)


def test_numbers_of_the_sheet_are_those_of_the_csv() -> None:
    found = analysed()
    table = lines(agreement_csv(found))
    alpha = {(line["raters"], line["score"]): line for line in table if line["quantity"] == "alpha"}
    sheet = agreement_sheet(found)
    overall = sheet.blocks[0].rows[-1]
    assert overall[0] == ("Overall",)
    for cell, raters in zip(overall[1:], ("all", "passing"), strict=True):
        line = alpha[raters, "overall"]
        low, high = (f"{float(line[name]):.3f}" for name in ("low", "high"))
        assert cell == (f"{float(line['value']):.3f}", f"[{low}, {high}], 24 responses")
    wins = [line for line in table if line["quantity"] == "win" and line["raters"] == "passing"]
    assert [(line["subject"], line["opponent"]) for line in wins][-1] == ("dpo-hps", "dpo-pl")
    differences = [line for line in table if line["quantity"] == "model difference"]
    assert len(differences) == 12


def test_one_line_per_rater() -> None:
    table = lines(raters_csv(analysed()))
    assert [line["rater"] for line in table] == [f"rater-{k:02d}" for k in range(RATERS)]
    assert table[-1]["reasons"] == "the same scores for every response"
    assert (table[-1]["mean"], table[-1]["correlation"]) == ("5.0", "")
    assert float(table[0]["low"]) < float(table[0]["drift"]) < float(table[0]["high"])


def test_a_study_of_one_rater_has_means_and_no_model() -> None:
    found = analyse(rated(lambda _r, _i, p: 2.0 + p / 2, 1, 2), SETTINGS)
    assert found.everyone.model is None
    assert set(found.everyone.agreement.values()) == {None}
    notes = agreement_sheet(found).notes
    assert "The mixed model cannot be estimated from these ratings." in notes
    assert raters_sheet(found).blocks[0].rows[0][3] == ("–",)


@pytest.mark.parametrize("given", [0, 1])
def test_nothing_submitted_is_the_users_error(tmp_path: Path, given: int) -> None:
    open_ratings = rows(lambda *_: 3.0, given, given, submitted_at=None)
    write_study(tmp_path, study_files(1, 1), open_ratings)
    with pytest.raises(UserError, match=r"ratings\.parquet: nobody has submitted ratings"):
        write_analysis(tmp_path, SETTINGS, tmp_path)
