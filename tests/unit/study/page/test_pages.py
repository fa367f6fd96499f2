"""What a rater's browser receives."""

from __future__ import annotations

import re
import socket
from html import unescape
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from markupsafe import Markup
from starlette.testclient import TestClient
from typer.testing import CliRunner

from hps_bench.cli import app
from hps_bench.study.page.app import create_app
from hps_bench.study.page.server import running
from hps_bench.study.page.views import as_written, next_path
from tests.unit.hostile.texts import HTML, any_text, hostile_text
from tests.unit.study.page.raters import (
    JSON,
    SECRET,
    Rater,
    Study,
    all_scores,
    fields,
    new_study,
    small_assignment,
)

PATHS = ["/", "/tasks", "/tasks/1", "/tasks/2", "/tasks/3", "/static/page.js", "/static/page.css"]


def test_nothing_says_who_wrote_a_response(rater: Rater) -> None:
    """Neither policies, nor checks, nor items of other tasks, nor the rater's name."""
    text = "".join(rater.client.get(path).text for path in PATHS).lower()
    for word in ("sft", "dpo", "hps", "policy", "reward", SECRET, "i00", "rater-0", "digest"):
        assert word not in text, word


@pytest.mark.parametrize("path", [*PATHS, "/none", "/tasks/9"])
def test_headers_stand_on_every_answer(rater: Rater, path: str) -> None:
    headers = rater.client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["form-action"] == "'self'"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_pages_hold_no_scripts_or_styles_of_their_own(rater: Rater) -> None:
    for path in PATHS[:5]:
        page = rater.client.get(path).text
        assert re.findall(r"<script[^>]*>(?!</script>)|<style| style=| on[a-z]+=", page) == []


def test_the_session_is_out_of_scripts_reach(study: Study, address: str) -> None:
    answer = httpx.get(f"{address}/r/{study.tokens['rater-001']}")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert study.tokens["rater-001"].lower() not in cookie + answer.text.lower()


def test_behind_https_the_cookie_is_for_https_alone(tmp_path: Path) -> None:
    study = new_study(tmp_path, small_assignment(1))
    with study.store() as store:
        page = create_app(study.assignment, store, "https://study.example.org")
        client = TestClient(page, base_url="https://study.example.org")
        cookie = client.get(f"/r/{study.tokens['rater-001']}").headers["set-cookie"]
        assert cookie.startswith("__Host-rater=")
        assert "; secure" in cookie.lower()
        assert client.get("/").status_code == 200


def test_simulated_raters_are_named_on_every_page(tmp_path: Path, rater: Rater) -> None:
    assert "imulated" not in rater.client.get("/").text
    study = new_study(tmp_path, small_assignment(1))
    with running(study.assignment, tmp_path / "s.sqlite", "simulated") as address:
        assert "Simulated raters" in httpx.get(f"{address}/").text


def test_scores_come_back_as_they_were_sent(rater: Rater) -> None:
    scores = {"r00x.safety": "2.5", "r00y.clarity": "1,05", "r00z.overall": ""}
    answer = rater.save(1, scores, **JSON)
    assert answer.json() == {"revision": 1, "complete": 0}
    form = rater.form(1)
    assert (form["r00x.safety"], form["r00y.clarity"], form["revision"]) == ("2.5", "1.05", "1")
    assert sum(value != "" for name, value in form.items() if "." in name) == 2


def test_what_was_wrong_can_be_mended(rater: Rater) -> None:
    """The form comes back with all that was written; nothing of it has been saved."""
    second = rater.tasks[0].responses[1]
    page = rater.save(1, {**all_scores(rater.tasks[0], "4"), f"{second}.clarity": "<b>55"})
    assert page.status_code == 422
    assert f'href="#{second}.clarity">Clarity of response B</a>' in page.text
    assert 'value="&lt;b&gt;55"' in page.text
    assert page.text.count('value="4"') == 19
    assert rater.form(1)["revision"] == "0"


def test_buttons_lead_on() -> None:
    assert [next_path("next", number, 2) for number in (1, 2)] == ["/tasks/2", "/tasks"]
    assert [next_path("previous", number, 2) for number in (1, 2)] == ["/tasks", "/tasks/1"]
    assert next_path("tasks", 1, 2) == "/tasks"


def test_progress_counts_complete_tasks(rater: Rater) -> None:
    assert rater.save(1, all_scores(rater.tasks[0], "4"), **JSON).json()["complete"] == 1
    rater.save(2, {"r01x.safety": "4"})
    page = rater.client.get("/tasks").text
    assert '<span id="complete">1</span> of 3 tasks complete' in page
    assert "1 of 20 scores" in page
    assert "Go on with task 2" in page


@given(any_text | hostile_text)
def test_text_is_shown_as_written_and_escaped(text: str) -> None:
    shown = as_written(text)
    assert isinstance(shown, Markup)
    assert not re.search(r"[<>\"']|&(?!(amp|lt|gt|#34|#39);)", shown)
    unescape(shown).encode()
    if text.isprintable():
        assert unescape(shown) == text


def test_marks_of_direction_and_joiners_are_kept() -> None:
    text = "\u202eabc\u202c\n👩\u200d🔬 می\u200cخواهم"
    assert as_written(text) == text
    assert as_written("a\x00b\x1b[2J\ud800\r\nc") == "aU+0000bU+001B[2JU+D800\nc"


def test_hostile_responses_are_text(tmp_path: Path) -> None:
    text = "".join(HTML)
    study = new_study(tmp_path, small_assignment(1, 1, text))
    with study.served() as address, study.rater(address, "rater-001") as rater:
        rater.begin()
        page = rater.client.get("/tasks/1").text
    shown = re.findall(r'<p class="text" dir="auto">(.*?)</p>', page, re.DOTALL)
    assert [unescape(found) for found in shown] == [
        f"question 0: {text}",
        *(f"{text} {letter}" for letter in "xyzw"),
    ]


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    new_study(tmp_path, small_assignment(1))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = ["study", "serve", "--study", str(tmp_path), "--port", port]
        ran = CliRunner().invoke(app, command)
    assert "cannot listen there (Address already in use); end" in str(ran.exception)


def test_a_full_disk_is_told_and_passes(tmp_path: Path) -> None:
    """SQLite says that the disk is full where its file may not grow (PRAGMA max_page_count)."""
    study = new_study(tmp_path, small_assignment(1, 40))
    with study.store() as store:
        page = create_app(study.assignment, store, "http://127.0.0.1")
        client = TestClient(page, base_url="http://127.0.0.1", follow_redirects=False)
        client.get(f"/r/{study.tokens['rater-001']}")
        client.post("/start", data={**fields(client.get("/").text), "consent": "yes"})
        tasks = study.assignment.raters[0].tasks
        forms = [{**fields(client.get(f"/tasks/{n}").text), "go": "stay"} for n in range(1, 41)]
        connection = store._connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        for number, task in enumerate(tasks, start=1):
            sent = {**forms[number - 1], **all_scores(task, "2")}
            answer = client.post(f"/tasks/{number}", data=sent, headers=JSON)
            if answer.status_code != 200:
                break
        assert answer.status_code == 503
        assert "could not save this" in answer.json()["reason"]
        assert store.task("rater-001", task.item).scores == {}
        connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
        again = client.post(f"/tasks/{number}", data=sent, headers=JSON)
        assert again.json()["revision"] == 1
