"""The file of the page's store: its tables, and whose ratings it holds."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hps_bench.errors import UserError
from hps_bench.study.assignment import Assignment
from hps_bench.study.key import OWNER_ONLY

STORE = "page.sqlite"

_BUSY_SECONDS = 30.0
_TABLES = """
CREATE TABLE study (digest TEXT NOT NULL, source TEXT NOT NULL);
CREATE TABLE raters (
    rater TEXT PRIMARY KEY, link TEXT UNIQUE, started_at REAL, submitted_at REAL
) WITHOUT ROWID;
CREATE TABLE sessions (
    session TEXT PRIMARY KEY, rater TEXT NOT NULL REFERENCES raters, opened_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE tasks (
    rater TEXT NOT NULL REFERENCES raters, item TEXT NOT NULL, seen_at REAL NOT NULL,
    seconds REAL NOT NULL DEFAULT 0, revision INTEGER NOT NULL DEFAULT 0, saved_at REAL,
    PRIMARY KEY (rater, item)
) WITHOUT ROWID;
CREATE TABLE scores (
    rater TEXT NOT NULL, item TEXT NOT NULL, response TEXT NOT NULL, criterion TEXT NOT NULL,
    score REAL NOT NULL CHECK (score BETWEEN 1 AND 5),
    PRIMARY KEY (rater, item, response, criterion),
    FOREIGN KEY (rater, item) REFERENCES tasks
) WITHOUT ROWID;
"""


def open_database(path: Path, assignment: Assignment, source: str | None) -> sqlite3.Connection:
    """Open the store of an assignment; a new one is made.

    Args:
        path: of the file, which only its owner may read.
        assignment: what is rated.
        source: where the ratings come from; None takes what the file says, and ``page`` for a
            new one.

    Raises:
        UserError: the file is no store, or that of another assignment or source.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, OWNER_ONLY))
    try:
        connection = _connect(path)
        with transaction(connection):
            _make_once(connection, assignment, source or "page")
        found = connection.execute("SELECT digest, source FROM study").fetchone()
    except sqlite3.Error as error:
        raise UserError(f"{path}: no store of a rating page ({error}); move it away") from None
    _refuse_other(path, found, assignment.digest, source)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All changes in the block are on the disk when it ends, or none are made."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has ended the transaction already where, say, the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _make_once(connection: sqlite3.Connection, assignment: Assignment, source: str) -> None:
    """Make the tables in an empty file."""
    if connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
        return
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO study VALUES (?, ?)", (assignment.digest, source))
    raters = [(packet.rater,) for packet in assignment.raters]
    connection.executemany("INSERT INTO raters (rater) VALUES (?)", raters)


def _refuse_other(path: Path, found: tuple[str, str], digest: str, source: str | None) -> None:
    if found[0] != digest:
        raise UserError(
            f"{path}: holds ratings of assignment {found[0][:12]}, not {digest[:12]}; give that "
            "assignment, or another --store"
        )
    if source not in (None, found[1]):
        raise UserError(f"{path}: holds ratings of source {found[1]!r}, not {source!r}")
