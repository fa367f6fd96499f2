import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from hps_bench.cli import app
from hps_bench.errors import UserError
from hps_bench.records import read_rows, write_rows
from hps_bench.schemas import RATINGS
from hps_bench.study import visiting
from hps_bench.study.analysis_stage import write_analysis
from hps_bench.study.page.database import STORE
from hps_bench.study.ratings import RATINGS_FILE, read_study
from hps_bench.study.settings import SimulatedRaters, StudyJob, StudySettings
from hps_bench.study.simulated import simulated_raters
from hps_bench.study.simulation import simulate_study
from hps_bench.study.visiting import read_forms
from tests.unit.study.rated import SETTINGS, rating, study_files, write_study

RATERS, ITEMS = 4, 3
SIMULATED = SimulatedRaters(careless=0.25, noise=0.4)


def settings(simulated: SimulatedRaters | None = SIMULATED) -> StudySettings:
    return StudySettings(experiment="fine-tuning", simulated=simulated, seed=5)


def test_simulated_raters_rate_on_the_real_page(tmp_path: Path) -> None:
    assignment, key = study_files(RATERS, ITEMS, checks=True)
    write_study(tmp_path, (assignment, key), [])
    result = simulate_study(tmp_path, settings())
    assert (result["simulated"], result["raters"], result["submitted"]) == (True, RATERS, RATERS)
    study = read_study(tmp_path)
    assert study.simulated
    assert set(study.ratings["source"]) == {"simulated"}
    assert len(study.ratings) == RATERS * (ITEMS + 1) * 4
    # What the page has saved is what the raters meant, for each response.
    raters = {of.rater: of for of in simulated_raters(assignment, key, SIMULATED, 5)}
    for row in study.ratings.to_dict("records"):
        meant = raters[row["rater"]].rate(assignment.by_item[row["item"]], row["response"])
        assert {name: row[name] for name in meant} == meant
    careless = [of.rater for of in raters.values() if of.careless]
    assert result["careless"] == careless
    found = write_analysis(tmp_path, SETTINGS, tmp_path / "tables")
    assert found["simulated"] is True
    assert found["failing"] == {careless[0]: ["1 of 1 attention checks failed"]}
    assert not (tmp_path / STORE).exists()


def test_scores_are_the_same_when_it_is_done_again(tmp_path: Path) -> None:
    write_study(tmp_path, study_files(2, 2), [])
    scores = []
    for _ in range(2):
        simulate_study(tmp_path, settings())
        rows = read_rows(tmp_path / RATINGS_FILE, RATINGS)
        times = ("seconds", "saved_at", "submitted_at")
        scores.append([{k: v for k, v in row.items() if k not in times} for row in rows])
    assert scores[0] == scores[1]


def test_people_are_not_replaced(tmp_path: Path) -> None:
    write_study(tmp_path, study_files(1, 1), [])
    write_rows(tmp_path / RATINGS_FILE, [rating(0, "i0", "r00", 1, 3.0)], RATINGS)
    with pytest.raises(UserError, match="has ratings of source 'page', which those of source"):
        simulate_study(tmp_path, settings())
    (tmp_path / RATINGS_FILE).unlink()
    (tmp_path / STORE).touch()
    with pytest.raises(UserError, match="people rate in this folder"):
        simulate_study(tmp_path, settings())


def test_a_study_of_people_is_not_simulated(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"study\.simulated: null, so people rate"):
        simulate_study(tmp_path, settings(simulated=None))


def test_forms_of_a_page_with_hostile_text() -> None:
    page = (
        "<p>&lt;form action=/evil&gt;</p><input name=outside value=1>"
        '<form action="/tasks/1"><input name="csrf" value="a&amp;b"><input type="submit">'
        '<input name="r1.overall"></form><form action="/submit"></form>'
    )
    forms = read_forms(page)
    assert [form.action for form in forms] == ["/tasks/1", "/submit"]
    assert forms[0].fields == {"csrf": "a&b", "r1.overall": ""}


def test_the_commands_say_simulated(tmp_path: Path) -> None:
    write_study(tmp_path, study_files(2, 2), [])
    job = StudyJob(name="fabricated", settings=settings(), policies=[], evaluations={})
    file = tmp_path / "study.json"
    file.write_text(job.model_dump_json())
    tables = str(tmp_path / "tables")
    for arguments in (
        ["simulate", "--settings", str(file), "--study", str(tmp_path)],
        ["analyse", "--study", str(tmp_path), "--output", tables],
    ):
        result = CliRunner().invoke(app, ["study", *arguments])
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["simulated"] is True


class _Busy(BaseHTTPRequestHandler):
    """Refuses the first request as one too many."""

    refused = 0

    def do_GET(self) -> None:
        """Answer."""
        first = type(self).refused == 0
        type(self).refused += first
        self.send_response(429 if first else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_request_too_many_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visiting, "_PAUSE", 0.0)
    with HTTPServer(("127.0.0.1", 0), _Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as browser:
            assert visiting._get(browser, "/") == ""
        server.shutdown()
    assert _Busy.refused == 1
