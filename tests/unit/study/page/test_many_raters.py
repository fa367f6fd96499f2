"""Twenty raters at once, and a server that is killed while they rate."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import httpx
import pytest

from hps_bench.records import read_rows
from hps_bench.schemas import RATINGS
from hps_bench.study.criteria import SCORES
from hps_bench.study.page.export import export_ratings
from tests.loopback import free_port
from tests.unit.study.page.raters import JSON, Rater, Study, new_study, small_assignment

RATERS = 20
TASKS = 6


def scores_of(name: str, task: int, response: str) -> dict[str, float]:
    """What a rater gives a response: some number for each, the same each time."""
    rng = random.Random(f"{name} {task} {response}")
    return {on: rng.randint(100, 500) / 100 for on in SCORES}


def form_of(rater: Rater, task: int) -> dict[str, str]:
    return {
        f"{response}.{on}": f"{score}"
        for response in rater.tasks[task - 1].responses
        for on, score in scores_of(rater.name, task, response).items()
    }


def rate_all(study: Study, address: str, name: str) -> None:
    """Each task is saved in part by the script, then whole by the form."""
    with study.rater(address, name) as rater:
        rater.begin()
        for task in range(1, len(rater.tasks) + 1):
            form = form_of(rater, task)
            part = dict(list(form.items())[:7])
            assert rater.save(task, part, **JSON).json()["revision"] == 1
            assert rater.save(task, form).status_code == 303
        assert rater.submit().headers["location"] == "/done"


def test_twenty_raters_at_once(tmp_path: Path) -> None:
    study = new_study(tmp_path, small_assignment(RATERS, TASKS))
    with study.served() as address, ThreadPoolExecutor(RATERS) as pool:
        list(pool.map(lambda name: rate_all(study, address, name), study.tokens))
    exported = export_ratings(study.store_file, study.assignment, tmp_path / "ratings.parquet")
    assert exported == {"ratings": RATERS * TASKS * 4, "raters": RATERS, "submitted": RATERS}
    for row in read_rows(tmp_path / "ratings.parquet", RATINGS):
        assert row["revisions"] == 2
        given = scores_of(row["rater"], row["task"], row["response"])
        assert {name: row[name] for name in SCORES} == given


def start_server(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """``hps-bench study serve`` in a process of its own, once it answers."""
    command = [sys.executable, "-m", "hps_bench", "study", "serve", "--study", str(folder)]
    server = subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{port}/static/page.css")
            return server
        except httpx.TransportError:
            time.sleep(0.05)
    server.kill()
    raise TimeoutError


Answered = dict[str, tuple[int, dict[str, str]]]
"""The last revision that a rater's browser was told of, and the scores saved with it."""


def save_until_killed(study: Study, address: str, name: str, answered: Answered) -> None:
    """Save the first task again and again."""
    with suppress(httpx.TransportError), study.rater(address, name) as rater:
        rater.begin()
        form = {**rater.form(1), "go": "stay"}
        for number in count(1):
            scores = dict.fromkeys(form_of(rater, 1), f"{1 + number % 400 / 100:.2f}")
            sent = {**form, **scores, "revision": str(number - 1)}
            answer = rater.client.post("/tasks/1", data=sent, headers=JSON)
            answered[name] = answer.json()["revision"], scores
            time.sleep(0.01)  # below the limit of requests a minute on any machine


@pytest.mark.parametrize("saves", [2, 15])
def test_a_killed_server_loses_no_rating_that_it_said_was_saved(tmp_path: Path, saves: int) -> None:
    """It is killed once every rater has been told of so many saves, in the midst of more."""
    study = new_study(tmp_path, small_assignment(8, 2))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = start_server(tmp_path, port)
    answered: Answered = dict.fromkeys(study.tokens, (0, {}))
    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(save_until_killed, study, address, n, answered) for n in study.tokens]
        while min(revision for revision, _ in answered.values()) < saves:
            assert not any(ended.done() for ended in work)
            time.sleep(0.001)
        server.send_signal(signal.SIGKILL)
    for ended in work:
        ended.result()
    output = server.communicate()[1].decode()
    assert server.returncode == -signal.SIGKILL
    assert not any(token in output for token in study.tokens.values())
    with closing(sqlite3.connect(study.store_file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with study.store() as store:
        for name, (revision, scores) in answered.items():
            saved = store.task(name, "i00")
            texts = {".".join(on): f"{score:.2f}" for on, score in saved.scores.items()}
            # The answer to the last save may have been lost with the server.
            assert saved.revision - revision in (0, 1)
            assert saved.revision > revision or texts == scores
    server = start_server(tmp_path, port)
    try:
        rate_after_restart(study, address)
    finally:
        os.kill(server.pid, signal.SIGTERM)
        server.communicate()
    assert server.returncode in (0, -signal.SIGTERM)


def rate_after_restart(study: Study, address: str) -> None:
    """The link still works, and what was saved can be changed and submitted."""
    with study.rater(address, "rater-001") as rater:
        for task in (1, 2):
            assert rater.save(task, form_of(rater, task)).status_code == 303
        assert rater.submit().headers["location"] == "/done"
