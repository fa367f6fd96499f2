"""The page's store: one SQLite file, which a server that is killed at any moment leaves whole."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hps_bench.study.assignment import Assignment
from hps_bench.study.page.database import open_database, transaction

LONGEST_PAUSE = 600.0
"""Seconds between two signs of a rater that still count as time on a task."""

SESSION_SECONDS = 12 * 3600.0
"""How long a browser stays signed in; the personal link signs it in again."""

Score = tuple[str, str]
"""A response and what it is scored on."""


class StaleError(Exception):
    """The scores that were sent are based on older ones than those that are saved."""


class SubmittedError(Exception):
    """The rater has submitted the study; nothing of it changes any more."""


class IncompleteError(Exception):
    """Scores are missing."""


@dataclass(frozen=True)
class Progress:
    """How far a rater is.

    Attributes:
        started_at: when the rater agreed to take part; seconds since 1970, as all times here.
        submitted_at: when the rater submitted the study.
        scores: number of saved scores by item.
    """

    started_at: float | None
    submitted_at: float | None
    scores: Mapping[str, int]


@dataclass(frozen=True)
class SavedTask:
    """What is saved of a task.

    Attributes:
        revision: how often it was saved.
        seconds: time on it.
        saved_at: when it was last saved; None if never.
        scores: what was given.
    """

    revision: int
    seconds: float
    saved_at: float | None
    scores: Mapping[Score, float]


_UNSEEN = SavedTask(0, 0.0, None, {})

_SINCE_SEEN = "MAX(0, MIN(?, ? - seen_at))"
"""Seconds since a task was last on the screen; its parameters are ``LONGEST_PAUSE`` and now."""


class Store:
    """Scores, links and sessions of one study.

    Threads share one connection, one at a time. Other processes may read and write meanwhile.
    A change is on the disk (write-ahead log, synchronous) before its method returns.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls,
        path: Path,
        assignment: Assignment,
        source: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open the store of an assignment; a new one is made.

        Args:
            path: of the file.
            assignment: what is rated.
            source: where the ratings come from, ``page`` or ``simulated``; None takes what the
                file says, and ``page`` for a new one.
            clock: seconds since 1970.

        Raises:
            UserError: the file is no store, or that of another assignment or source.
        """
        return cls(open_database(path, assignment, source), clock)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def set_link(self, rater: str, link: str) -> None:
        """Give a rater a new link, by its digest; the old one and its sessions end."""
        with self._changing() as connection:
            connection.execute("UPDATE raters SET link = ? WHERE rater = ?", (link, rater))
            connection.execute("DELETE FROM sessions WHERE rater = ?", (rater,))

    def links(self) -> dict[str, str]:
        """Digests of links, by rater."""
        with self._lock:
            rows = self._connection.execute("SELECT rater, link FROM raters WHERE link IS NOT NULL")
            return dict(rows.fetchall())

    def open_session(self, link: str, session: str) -> str | None:
        """Sign in the rater of a link.

        Args:
            link: digest of the link's token.
            session: digest of the session's token.

        Returns:
            The rater; None where nobody has this link.
        """
        now = self._clock()
        with self._changing() as connection:
            found = connection.execute("SELECT rater FROM raters WHERE link = ?", (link,))
            if (row := found.fetchone()) is None:
                return None
            old = now - SESSION_SECONDS
            connection.execute("DELETE FROM sessions WHERE opened_at < ?", (old,))
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?)", (session, row[0], now))
            return str(row[0])

    def signed_in(self, session: str) -> str | None:
        """Rater of a session, by its digest; None where it has ended."""
        with self._lock:
            row = self._connection.execute(
                "SELECT rater FROM sessions WHERE session = ? AND opened_at >= ?",
                (session, self._clock() - SESSION_SECONDS),
            ).fetchone()
        return None if row is None else str(row[0])

    def progress(self, rater: str) -> Progress:
        """How far a rater is."""
        with self._lock:
            started, submitted = self._connection.execute(
                "SELECT started_at, submitted_at FROM raters WHERE rater = ?", (rater,)
            ).fetchone()
            counts = self._connection.execute(
                "SELECT item, COUNT(*) FROM scores WHERE rater = ? GROUP BY item", (rater,)
            )
            return Progress(started, submitted, dict(counts.fetchall()))

    def task(self, rater: str, item: str) -> SavedTask:
        """What is saved of a task."""
        with self._lock:
            row = self._connection.execute(
                "SELECT revision, seconds, saved_at FROM tasks WHERE rater = ? AND item = ?",
                (rater, item),
            ).fetchone()
            scores = self._connection.execute(
                "SELECT response, criterion, score FROM scores WHERE rater = ? AND item = ?",
                (rater, item),
            )
            if row is None:
                return _UNSEEN
            revision, seconds, saved_at = row
            found = {(response, on): score for response, on, score in scores}
            return SavedTask(revision, seconds, saved_at, found)

    def start(self, rater: str) -> None:
        """Note that a rater has agreed to take part; the first time counts."""
        with self._changing() as connection:
            connection.execute(
                "UPDATE raters SET started_at = COALESCE(started_at, ?) WHERE rater = ?",
                (self._clock(), rater),
            )

    def see(self, rater: str, item: str) -> None:
        """Note that a task is on a rater's screen: time on it counts from now.

        Where it was the last one there, the time since then counts as well: the rater has loaded
        the page again.
        """
        now = self._clock()
        with self._changing() as connection:
            connection.execute(
                "INSERT INTO tasks (rater, item, seen_at) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at, seconds = CASE "
                "WHEN seen_at < (SELECT MAX(seen_at) FROM tasks WHERE rater = excluded.rater) "
                f"THEN seconds ELSE seconds + {_SINCE_SEEN} END",
                (rater, item, now, LONGEST_PAUSE, now),
            )

    def save(
        self, rater: str, item: str, scores: Mapping[Score, float | None], revision: int
    ) -> int:
        """Save all scores of a task in place of those that were.

        Args:
            rater: who gives them.
            item: of the task, which the rater has seen.
            scores: by response and criterion; None leaves one out.
            revision: of the scores that they are based on.

        Returns:
            The new revision.

        Raises:
            SubmittedError: the rater has submitted the study.
            StaleError: other scores have been saved since ``revision``.
        """
        with self._changing() as connection:
            self._refuse_submitted(connection, rater)
            self._count_visit(connection, rater, item, revision)
            connection.execute("DELETE FROM scores WHERE rater = ? AND item = ?", (rater, item))
            connection.executemany(
                "INSERT INTO scores VALUES (?, ?, ?, ?, ?)",
                [(rater, item, *on, score) for on, score in scores.items() if score is not None],
            )
        return revision + 1

    def submit(self, rater: str, expected: int) -> None:
        """Close a rater's study.

        Args:
            rater: who has finished.
            expected: number of scores in all.

        Raises:
            SubmittedError: it was closed before.
            IncompleteError: scores are missing.
        """
        with self._changing() as connection:
            self._refuse_submitted(connection, rater)
            found = connection.execute("SELECT COUNT(*) FROM scores WHERE rater = ?", (rater,))
            if found.fetchone()[0] != expected:
                raise IncompleteError
            connection.execute(
                "UPDATE raters SET submitted_at = ? WHERE rater = ?", (self._clock(), rater)
            )

    @property
    def source(self) -> str:
        """Where the ratings come from, ``page`` or ``simulated``."""
        with self._lock:
            return str(self._connection.execute("SELECT source FROM study").fetchone()[0])

    def _refuse_submitted(self, connection: sqlite3.Connection, rater: str) -> None:
        row = connection.execute("SELECT submitted_at FROM raters WHERE rater = ?", (rater,))
        if row.fetchone()[0] is not None:
            raise SubmittedError

    def _count_visit(
        self, connection: sqlite3.Connection, rater: str, item: str, revision: int
    ) -> None:
        """Add the time since the rater's last sign, and one revision."""
        now = self._clock()
        changed = connection.execute(
            f"UPDATE tasks SET seconds = seconds + {_SINCE_SEEN}, seen_at = ?, "
            "saved_at = ?, revision = revision + 1 WHERE rater = ? AND item = ? AND revision = ?",
            (LONGEST_PAUSE, now, now, now, rater, item, revision),
        )
        if changed.rowcount != 1:
            raise StaleError

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept, or nothing."""
        with self._lock, transaction(self._connection):
            yield self._connection
