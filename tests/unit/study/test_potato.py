"""Potato's files; the states were written by Potato 2.12.1 while two raters used its page.

Of each state only the empty parts and the log of mouse and keyboard were taken out.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from hps_bench.errors import UserError
from hps_bench.records import read_rows
from hps_bench.schemas import RATINGS
from hps_bench.study.assignment import write_assignment
from hps_bench.study.criteria import SCORES
from hps_bench.study.potato import export_project, import_project, read_project, write_project
from tests.unit.study.page.raters import new_study
from tests.unit.study.small import HOSTILE, small_study

STATES = Path(__file__).parent / "potato"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project of the small study, rated."""
    write_project(small_study(), tmp_path)
    shutil.copytree(STATES, tmp_path / "annotation_output")
    return tmp_path


def written(folder: Path) -> tuple[Any, list[Any]]:
    write_project(small_study(), folder)
    lines = (folder / "data" / "tasks.jsonl").read_text().splitlines()
    return yaml.safe_load((folder / "config.yaml").read_text()), list(map(json.loads, lines))


def change(project: Path, old: str, new: str) -> None:
    path = project / "annotation_output" / "rater-01" / "user_state.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_each_rater_has_tasks_in_the_assigned_order(tmp_path: Path) -> None:
    config, _ = written(tmp_path)
    assert config["assignment_strategy"] == "batch"
    assert {g["name"]: g["instances"] for g in config["batch_assignment"]["groups"]} == {
        "rater-01": ["rater-01.i2", "rater-01.i1"],
        "rater-02": ["rater-02.i1", "rater-02.i2"],
    }
    assert config["user_config"] == {"allow_all_users": False, "users": ["rater-01", "rater-02"]}


def test_export_leaves_a_note_beside_the_assignment(tmp_path: Path) -> None:
    write_assignment(tmp_path / "assignment.json", small_study())
    assert export_project(tmp_path, tmp_path / "project") == {"raters": 2, "tasks": 4}
    assert (tmp_path / "potato.txt").read_text() == f"{tmp_path / 'project'}\n"


def test_responses_stand_in_the_assigned_order(tmp_path: Path) -> None:
    _, tasks = written(tmp_path)
    assert [task["id"] for task in tasks] == [
        "rater-01.i2",
        "rater-01.i1",
        "rater-02.i1",
        "rater-02.i2",
    ]
    assert tasks[1]["response_1"] == tasks[2]["response_2"] == "Because."
    assert tasks[1]["conversation"] == [{"speaker": "user", "text": "Why i1?"}]


def test_no_text_opens_a_tag(tmp_path: Path) -> None:
    """Potato puts the data into a script element as they are; each < is followed by U+2060."""
    _, tasks = written(tmp_path)
    shown = tasks[1]["response_2"]
    assert shown.replace("\u2060", "") == HOSTILE
    assert shown.count("<") == shown.count("<\u2060") == HOSTILE.count("<")


def test_every_score_has_its_bounds(tmp_path: Path) -> None:
    config, _ = written(tmp_path)
    schemes = config["annotation_schemes"]
    assert len(schemes) == 10
    assert {(s["min"], s["max"], s["step"]) for s in schemes} == {(1.0, 5.0, 0.01)}


def test_raters_are_told_what_the_page_tells_them(tmp_path: Path) -> None:
    """Before the first task, content warning, instructions and consent; beside each, the scores."""
    config, _ = written(tmp_path)
    assert config["phases"]["order"] == ["consent", "annotation"]
    told, consent = json.loads((tmp_path / config["phases"]["consent"]["file"]).read_text())
    study = new_study(tmp_path / "page", small_study())
    with study.served() as address, study.rater(address, "rater-01") as rater:
        page = rater.client.get("/").text
    assert told["labels"][0].count("Content warning.") == 1
    assert "You will see 2 conversations" in told["labels"][0]
    for text in (*told["labels"], consent["description"], config["annotation_instructions"]):
        assert text in page
    for score in SCORES:
        assert f"<dt>{score.capitalize()}</dt>" in config["annotation_instructions"]


def test_nobody_rates_without_consent(tmp_path: Path) -> None:
    """Potato 2.12.1 asks for ``required`` in the browser, and ``required_label`` on the server."""
    config, _ = written(tmp_path)
    *_, consent = json.loads((tmp_path / config["phases"]["consent"]["file"]).read_text())
    (agree,) = consent["labels"]
    assert consent["label_requirement"] == {"required": True, "required_label": agree}


def test_annotations_become_ratings(project: Path) -> None:
    counts = import_project(small_study(), project, project / "ratings.parquet")
    assert counts == {"ratings": 6, "raters": 2, "submitted": 1}
    rows = list(read_rows(project / "ratings.parquet", RATINGS))
    first = rows[0]
    assert (first["rater"], first["item"], first["response"]) == ("rater-01", "i2", "i2-b")
    assert (first["task"], first["position"], first["source"]) == (1, 1, "potato")
    assert [first[s] for s in ("correctness", "helpfulness", "overall")] == [4.99, 1.25, 2.0]
    assert (first["revisions"], rows[1]["revisions"]) == (6, 5)
    assert first["seconds"] == 6.378
    assert first["saved_at"] == 1795278696.5261524
    assert {r["submitted_at"] for r in rows if r["rater"] == "rater-01"} == {1795278700.9673467}


def test_what_is_not_finished_counts_as_not_submitted(project: Path) -> None:
    rows = [r for r in read_project(small_study(), project) if r["rater"] == "rater-02"]
    assert {row["submitted_at"] for row in rows} == {None}
    assert [row["response"] for row in rows] == ["i1-b", "i1-a"]
    assert rows[1]["helpfulness"] == 2.5
    assert rows[1]["overall"] is None
    assert rows[0]["seconds"] is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            '"4.99"]',
            '"5.01"]',
            "rater-01.i2: response_1_correctness is 5.01, not from 1.00 to 5.00",
        ),
        ('"1.25"]', '"nan"]', "response_1_helpfulness is nan, not from"),
        ('"1.25"]', '"much"]', "response_1_helpfulness is 'much', no number"),
        ('"user_id": "rater-01"', '"user_id": "eve"', "'eve' is no rater of this study"),
        ('"rater-01.i2": [[', '"rater-01.i9": [[', "rater-01.i9 is no task of this study"),
        ('"user_id"', '"user"', "not as Potato 2.12 writes it"),
        ("}", "", "not JSON"),
    ],
)
def test_malformed_annotations_are_one_line(project: Path, old: str, new: str, reason: str) -> None:
    change(project, old, new)
    with pytest.raises(UserError, match=reason):
        list(read_project(small_study(), project))


def test_no_annotations(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give the folder of the project"):
        list(read_project(small_study(), tmp_path))


def test_a_project_in_use_is_not_written_over(project: Path) -> None:
    with pytest.raises(UserError, match="raters have begun"):
        write_project(small_study(), project)
