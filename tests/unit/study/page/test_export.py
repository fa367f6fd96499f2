from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hps_bench.cli import app
from hps_bench.errors import UserError
from hps_bench.records import read_rows
from hps_bench.schemas import RATINGS
from hps_bench.study.page.export import export_ratings
from tests.unit.study.page.raters import all_scores, new_study, small_assignment


def test_ratings_are_what_was_sent(tmp_path: Path) -> None:
    """Rater 1 rates the first task in part; rater 2 rates all, and submits."""
    study = new_study(tmp_path, small_assignment(raters=3))
    with study.served() as address:
        with study.rater(address, "rater-001") as first:
            first.begin()
            first.save(1, {"r00x.safety": "2.75", "r00x.overall": "1"})
        with study.rater(address, "rater-002") as second:
            second.begin()
            for number, task in enumerate(second.tasks, start=1):
                second.save(number, all_scores(task, f"{number}.5"))
            assert second.submit().headers["location"] == "/done"
        exported = export_ratings(study.store_file, study.assignment, tmp_path / "ratings.parquet")
    assert exported == {"ratings": 4 + 12, "raters": 2, "submitted": 1}
    rows = list(read_rows(tmp_path / "ratings.parquet", RATINGS))
    assert [row["response"] for row in rows[:4]] == ["r00x", "r00y", "r00z", "r00w"]
    assert [row["position"] for row in rows[:4]] == [1, 2, 3, 4]
    assert (rows[0]["safety"], rows[0]["overall"], rows[0]["clarity"]) == (2.75, 1.0, None)
    assert (rows[0]["submitted_at"], rows[0]["revisions"], rows[0]["source"]) == (None, 1, "page")
    assert [(row["task"], row["overall"]) for row in rows[4::4]] == [(1, 1.5), (2, 2.5), (3, 3.5)]
    assert all(row["submitted_at"] >= row["saved_at"] for row in rows[4:])
    assert all(0 < row["seconds"] < 30 for row in rows)


def test_the_csv_says_the_same(tmp_path: Path) -> None:
    study = new_study(tmp_path, small_assignment(raters=1))
    with study.store() as store:
        store.see("rater-001", "i00")
        store.save("rater-001", "i00", {("r00w", "clarity"): 3.25}, 0)
    ran = CliRunner().invoke(app, ["study", "export", "--study", str(tmp_path)])
    assert json.loads(ran.stdout) == {"ratings": 4, "raters": 1, "submitted": 0}
    with (tmp_path / "ratings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == RATINGS.names
    assert [row["clarity"] for row in rows if row["response"] == "r00w"] == ["3.25"]
    assert [row["clarity"] for row in rows if row["response"] != "r00w"] == [""] * 3


def test_without_a_store_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"page.sqlite: no such file; 'hps-bench study links'"):
        export_ratings(tmp_path / "page.sqlite", small_assignment(), tmp_path / "ratings.parquet")
    assert list(tmp_path.iterdir()) == []
