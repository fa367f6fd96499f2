from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hps_bench.errors import UserError
from hps_bench.study.criteria import SCORES
from hps_bench.study.page.store import (
    LONGEST_PAUSE,
    SESSION_SECONDS,
    IncompleteError,
    SavedTask,
    StaleError,
    Store,
    SubmittedError,
)
from tests.unit.study.page.raters import small_assignment

ASSIGNMENT = small_assignment(raters=2, items=2)
RATER, ITEM, OTHER = "rater-001", "i00", "i01"
ALL = {(response, on): 3.0 for response in ASSIGNMENT.raters[0].tasks[0].responses for on in SCORES}
ONE = {("r00w", "safety"): 2.25}


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = Store.open(tmp_path / "page.sqlite", ASSIGNMENT, clock=clock)
    yield store
    store.close()


def test_what_was_saved_is_there_when_opened_again(store: Store, tmp_path: Path) -> None:
    store.see(RATER, ITEM)
    assert store.save(RATER, ITEM, ONE, 0) == 1
    again = Store.open(tmp_path / "page.sqlite", ASSIGNMENT)
    assert again.task(RATER, ITEM) == SavedTask(1, 0.0, 1000.0, ONE)
    assert again.progress(RATER).scores == {ITEM: 1}
    assert again.task("rater-002", ITEM).scores == {}
    again.close()


def test_a_save_takes_the_place_of_the_last(store: Store) -> None:
    store.see(RATER, ITEM)
    store.save(RATER, ITEM, ALL, 0)
    store.save(RATER, ITEM, {**dict.fromkeys(ALL), **ONE}, 1)
    assert store.task(RATER, ITEM).scores == ONE
    assert store.task(RATER, ITEM).revision == 2


@pytest.mark.parametrize("revision", [0, 2, 7])
def test_out_of_date_scores_change_nothing(store: Store, revision: int) -> None:
    store.see(RATER, ITEM)
    store.save(RATER, ITEM, ONE, 0)
    with pytest.raises(StaleError):
        store.save(RATER, ITEM, ALL, revision)
    assert store.task(RATER, ITEM).scores == ONE
    assert store.task(RATER, ITEM).revision == 1


def test_a_score_off_the_scale_undoes_the_whole_save(store: Store) -> None:
    store.see(RATER, ITEM)
    store.save(RATER, ITEM, ONE, 0)
    with pytest.raises(sqlite3.IntegrityError):
        store.save(RATER, ITEM, {**ALL, ("r00w", "safety"): 5.01}, 1)
    assert store.task(RATER, ITEM) == SavedTask(1, 0.0, 1000.0, ONE)


def test_time_counts_from_opening_and_long_pauses_do_not(store: Store, clock: Clock) -> None:
    """40 s to the first save, 20 s to the second, a night twice, and 5 s after opening again."""
    store.see(RATER, ITEM)
    clock.now += 40
    store.save(RATER, ITEM, ONE, 0)
    clock.now += 20
    store.save(RATER, ITEM, ONE, 1)
    clock.now += 30_000
    store.see(RATER, ITEM)
    clock.now += 5
    store.save(RATER, ITEM, ONE, 2)
    assert store.task(RATER, ITEM).seconds == 65 + LONGEST_PAUSE
    clock.now += 30_000
    store.save(RATER, ITEM, ONE, 3)
    assert store.task(RATER, ITEM).seconds == 65 + 2 * LONGEST_PAUSE


def test_what_was_read_before_a_task_is_loaded_again_counts(store: Store, clock: Clock) -> None:
    """Read for 240 s, load the page again, and save 5 s later."""
    store.see(RATER, ITEM)
    clock.now += 240
    store.see(RATER, ITEM)
    clock.now += 5
    store.save(RATER, ITEM, ONE, 0)
    assert store.task(RATER, ITEM).seconds == 245


def test_time_on_another_task_is_not_counted_twice(store: Store, clock: Clock) -> None:
    """40 s on one task, 300 s on the next, and 5 s on the first again."""
    store.see(RATER, ITEM)
    clock.now += 40
    store.save(RATER, ITEM, ONE, 0)
    store.see(RATER, OTHER)
    clock.now += 300
    store.save(RATER, OTHER, {("r01w", "safety"): 2.0}, 0)
    store.see("rater-002", ITEM)
    store.see(RATER, ITEM)
    clock.now += 5
    store.save(RATER, ITEM, ONE, 1)
    assert store.task(RATER, ITEM).seconds == 45
    assert store.task(RATER, OTHER).seconds == 300


def test_a_clock_that_is_set_back_takes_no_time_away(store: Store, clock: Clock) -> None:
    store.see(RATER, ITEM)
    clock.now -= 500
    store.see(RATER, ITEM)
    clock.now -= 500
    store.save(RATER, ITEM, ONE, 0)
    assert store.task(RATER, ITEM).seconds == 0


def test_submitted_once_and_closed(store: Store) -> None:
    store.see(RATER, ITEM)
    store.save(RATER, ITEM, ONE, 0)
    with pytest.raises(IncompleteError):
        store.submit(RATER, len(ALL))
    store.save(RATER, ITEM, ALL, 1)
    store.submit(RATER, len(ALL))
    with pytest.raises(SubmittedError):
        store.save(RATER, ITEM, ONE, 2)
    with pytest.raises(SubmittedError):
        store.submit(RATER, len(ALL))
    assert store.task(RATER, ITEM).scores == ALL
    assert store.progress("rater-002").submitted_at is None


def test_sessions_end(store: Store, clock: Clock) -> None:
    store.set_link(RATER, "link")
    assert store.open_session("other", "session") is None
    assert store.open_session("link", "session") == RATER
    clock.now += SESSION_SECONDS
    assert store.signed_in("session") == RATER
    clock.now += 1
    assert store.signed_in("session") is None


def test_the_file_says_nothing_of_tokens_and_is_its_owners(tmp_path: Path, store: Store) -> None:
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert store.links() == {}


def test_durability_is_as_promised(tmp_path: Path, store: Store) -> None:
    """2 is FULL (https://sqlite.org/pragma.html#pragma_synchronous)."""
    connection = store._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert (tmp_path / "page.sqlite-wal").exists()


def test_another_assignment_is_refused(tmp_path: Path, store: Store) -> None:
    assert store.source == "page"
    other = small_assignment(raters=2, items=1, text="another response")
    with pytest.raises(UserError, match="holds ratings of assignment") as refused:
        Store.open(tmp_path / "page.sqlite", other)
    assert ASSIGNMENT.digest[:12] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_ratings_of_people_and_programs_do_not_mix(tmp_path: Path) -> None:
    Store.open(tmp_path / "s", ASSIGNMENT, "simulated").close()
    assert Store.open(tmp_path / "s", ASSIGNMENT).source == "simulated"
    with pytest.raises(UserError, match="source 'simulated', not 'page'"):
        Store.open(tmp_path / "s", ASSIGNMENT, "page")


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no database, but long enough to be looked at\n" * 9)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE runs (run TEXT)")
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(UserError, match="no store of a rating page"):
            Store.open(path, ASSIGNMENT)
        if path == text:
            assert path.read_bytes() == before
    with sqlite3.connect(other) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("runs",)]
