"""Requests that change nothing: each is answered with its status, and the store stays as it was."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from tests.unit.study.page.raters import (
    JSON,
    Rater,
    Study,
    all_scores,
    fields,
    new_study,
    small_assignment,
)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def saved(study: Study, rater: Rater) -> Iterator[dict[str, str]]:
    """A form that has been saved; nothing that the test does may change that."""
    form = {**rater.form(1), **all_scores(rater.tasks[0], "4")}
    assert rater.client.post("/tasks/1", data=form).status_code == 303
    with study.store() as store:
        before = store.task(rater.name, "i00"), store.progress(rater.name)
        yield form
        assert (store.task(rater.name, "i00"), store.progress(rater.name)) == before


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "%ff", "a" * 5000, "..%2f..", "'--"])
def test_a_wrong_link_signs_nobody_in(address: str, token: str) -> None:
    answer = httpx.get(f"{address}/r/{token}")
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


def test_links_cannot_be_guessed_by_trying(tmp_path: Path) -> None:
    study = new_study(tmp_path, small_assignment(1))
    with study.served() as address, httpx.Client(base_url=address) as client:
        found = [client.get(f"/r/{guess}").status_code for guess in range(22)]
        assert found == [404] * 20 + [429] * 2
        limited = client.get("/r/22")
        # Others of the same network address keep their links.
        right = client.get(f"/r/{study.tokens['rater-001']}")
    assert limited.status_code == 429
    assert limited.headers["retry-after"] == "60"
    assert right.status_code == 200
    assert "set-cookie" in right.headers


@pytest.mark.parametrize("path", ["/", "/tasks", "/tasks/1", "/done"])
def test_without_a_session_nothing_is_shown(address: str, path: str) -> None:
    assert httpx.get(f"{address}{path}").status_code == 403
    assert httpx.get(f"{address}{path}", cookies={"rater": "A" * 43}).status_code == 403


def test_a_renewed_link_ends_the_old_one_and_its_sessions(study: Study, rater: Rater) -> None:
    with study.store() as store:
        store.set_link(rater.name, "0" * 64)
    assert rater.client.get("/tasks").status_code == 403
    assert rater.client.get(f"/r/{rater.token}").status_code == 404


def test_nothing_is_rated_before_consent(newcomer: Rater) -> None:
    client = newcomer.client
    assert client.get("/tasks/1").headers["location"] == "/"
    csrf = fields(client.get("/").text)
    form = {**csrf, "revision": "0", "go": "next", **all_scores(newcomer.tasks[0], "3")}
    assert client.post("/tasks/1", data=form).status_code == 403
    assert client.post("/start", data=csrf).status_code == 400
    assert client.post("/start", data={**csrf, "consent": "no"}).status_code == 400


def test_a_replayed_form(rater: Rater, saved: dict[str, str]) -> None:
    answer = rater.client.post("/tasks/1", data=saved)
    assert answer.status_code == 409
    assert "This form was sent before" in answer.text


def test_a_replayed_form_with_other_scores(rater: Rater, saved: dict[str, str]) -> None:
    other = {name: "1" if value == "4" else value for name, value in saved.items()}
    assert rater.client.post("/tasks/1", data=other).status_code == 409
    told = rater.client.post("/tasks/1", data=other, headers=JSON)
    assert told.status_code == 409
    assert told.json()["revision"] == 1
    assert set(told.json()["saved"].values()) == {"4"}


@pytest.mark.parametrize("revision", ["1 ", "-1", "1.0", "", "٣", "9" * 30, "2"])
def test_another_revision(rater: Rater, saved: dict[str, str], revision: str) -> None:
    answer = rater.client.post("/tasks/1", data={**saved, "revision": revision})
    assert answer.status_code == (409 if revision == "2" else 400)


@pytest.mark.parametrize("csrf", ["", "0" * 64, "é"])
def test_a_form_without_its_token(rater: Rater, saved: dict[str, str], csrf: str) -> None:
    form = {**saved, "revision": "1", "csrf": csrf}
    assert rater.client.post("/tasks/1", data=form).status_code == 403


def test_the_token_of_another_session(
    study: Study, address: str, unused: list[str], rater: Rater, saved: dict[str, str]
) -> None:
    with study.rater(address, unused.pop()) as other:
        csrf = fields(other.client.get("/").text)
    form = {**saved, "revision": "1", **csrf}
    assert rater.client.post("/tasks/1", data=form).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"r00w.safety": None},
        {"r00w.policy": "dpo-hps"},
        {"r01w.safety": "3"},
        {"revision": None},
        {"go": None},
        {"go": "//evil.example"},
        {"source": "potato"},
    ],
)
def test_fields_of_no_such_form(
    rater: Rater, saved: dict[str, str], change: dict[str, str | None]
) -> None:
    form = {**saved, "revision": "1", **change}
    kept = {name: value for name, value in form.items() if value is not None}
    assert rater.client.post("/tasks/1", data=kept).status_code == 400


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"csrf",
        b"a=%ff",
        b"a=\xff",
        b"\x00\x01",
        b"{}",
        b"a=1&a=2",
        b"&".join(b"f%d=1" % number for number in range(500)),
    ],
)
def test_bodies_that_are_no_form(rater: Rater, body: bytes) -> None:
    for path in ("/start", "/submit", "/tasks/1"):
        answer = rater.client.post(path, content=body, headers=FORM)
        assert answer.status_code in (400, 403), path


def test_a_field_that_stands_there_twice(rater: Rater, saved: dict[str, str]) -> None:
    body = urlencode([*saved.items(), ("r00w.safety", "1")]).replace("revision=0", "revision=1")
    assert rater.client.post("/tasks/1", content=body, headers=FORM).status_code == 400


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "text/plain"]
)
def test_bodies_of_another_type(rater: Rater, kind: str) -> None:
    answer = rater.client.post("/tasks/1", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "score",
    ["0", "0.99", "5.01", "5.1", "6", "10", "-1", "1e0", "nan", "inf", "3.456", "３", "x", "+3"],
)
def test_scores_off_the_scale(rater: Rater, saved: dict[str, str], score: str) -> None:
    form = {**saved, "revision": "1", "r00x.clarity": score}
    answer = rater.client.post("/tasks/1", data=form)
    assert answer.status_code == 422
    assert answer.text.count("of response") - answer.text.count("Scores of response") == 1
    assert rater.client.post("/tasks/1", data=form, headers=JSON).status_code == 422


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("size", [64 * 1024 + 1, 1_000_000])
def test_a_large_body(rater: Rater, size: int) -> None:
    answer = rater.client.post("/tasks/1", content=b"a" * size, headers=FORM)
    assert answer.status_code == 413


@pytest.mark.usefixtures("saved")
def test_a_large_body_that_does_not_say_so(rater: Rater) -> None:
    parts = (b"a" * 8192 for _ in range(20))
    assert rater.client.post("/tasks/1", content=parts, headers=FORM).status_code == 413


@pytest.mark.usefixtures("saved")
def test_a_large_body_that_comes_slowly(address: str, rater: Rater) -> None:
    """Who is still sending when the limit is reached is told why, too."""
    head = (
        f"POST /tasks/1 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Cookie: rater={rater.client.cookies['rater']}\r\n"
        f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode())
        for _ in range(5):
            connection.sendall(b"a" * 200_000)
            time.sleep(0.05)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_breaks_off(address: str, rater: Rater, saved: dict[str, str]) -> None:
    """All of the form is there, but less than was announced."""
    body = urlencode({**saved, "revision": "1"}).encode()
    session = rater.client.cookies["rater"]
    head = (
        f"POST /tasks/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: rater={session}\r\n"
        f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        assert b" 303 " not in connection.recv(4096)


@pytest.mark.parametrize("number", ["0", "4", "-1", "x", "1.5", "9" * 40, "%00"])
def test_tasks_that_there_are_not(rater: Rater, saved: dict[str, str], number: str) -> None:
    assert rater.client.get(f"/tasks/{number}").status_code == 404
    assert rater.client.post(f"/tasks/{number}", data=saved).status_code == 404


def test_a_task_that_was_never_opened(rater: Rater, saved: dict[str, str]) -> None:
    task = rater.tasks[1]
    form = {"csrf": saved["csrf"], "revision": "0", "go": "next", **all_scores(task, "3")}
    assert rater.client.post("/tasks/2", data=form).status_code == 409


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_another_host(rater: Rater, host: str) -> None:
    """A page elsewhere whose name leads to this machine (DNS rebinding)."""
    assert rater.client.get("/tasks", headers={"Host": host}).status_code in (400, 421)


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods(rater: Rater, method: str) -> None:
    assert rater.client.request(method, "/tasks/1").status_code == 405


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/openapi.json",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/key.json",
        "/static/",
    ],
)
def test_nothing_else_is_served(rater: Rater, path: str) -> None:
    assert rater.client.get(path).status_code == 404


def test_an_incomplete_study_is_not_submitted(rater: Rater, saved: dict[str, str]) -> None:
    form = {"csrf": saved["csrf"], "final": "yes"}
    answer = rater.client.post("/submit", data=form)
    assert answer.status_code == 422
    assert "2 of 3 tasks still lack scores" in answer.text
    assert rater.client.post("/submit", data={**form, "final": "no"}).status_code == 400


def test_a_submitted_study_does_not_change(study: Study, rater: Rater) -> None:
    for number, task in enumerate(rater.tasks, start=1):
        assert rater.save(number, all_scores(task, "3.5")).status_code == 303
    last = {**rater.form(3), **all_scores(rater.tasks[2], "1")}
    end = {"csrf": last["csrf"], "final": "yes"}
    assert rater.client.post("/submit", data=end).headers["location"] == "/done"
    with study.store() as store:
        before = store.progress(rater.name), store.task(rater.name, "i02")
        for path, form in (("/tasks/3", last), ("/submit", end)):
            answer = rater.client.post(path, data=form)
            assert answer.status_code == 409
            assert "can no longer be changed" in answer.text
        assert (store.progress(rater.name), store.task(rater.name, "i02")) == before
    assert rater.client.get("/tasks/3").headers["location"] == "/done"


@pytest.mark.usefixtures("saved")
def test_a_rater_who_asks_too_often(rater: Rater) -> None:
    found = [rater.client.get("/done").status_code for _ in range(310)]
    assert found[0] == 303
    assert found[-1] == 429


def test_an_address_that_asks_too_often(tmp_path: Path) -> None:
    """All requests are sent at once over one connection, since the limit is per minute."""
    request = b"GET /done HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    sent = 6002 * (request + b"\r\n") + request + b"Connection: close\r\n\r\n"
    with new_study(tmp_path, small_assignment(1)).served() as address:
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            sender = threading.Thread(target=connection.sendall, args=(sent,))
            sender.start()
            answers = b"".join(iter(lambda: connection.recv(1 << 16), b""))
            sender.join()
    found: list[bytes] = re.findall(rb"HTTP/1\.1 (\d+) ", answers)
    assert set(found[:6000]) == {b"403"}
    assert found[6000:] == [b"429"] * 3
