"""Journals as the upload finds them, with the status that their processes could not write."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hps_bench.integrity import is_whole
from hps_bench.tracking.eval_tables import sources
from hps_bench.tracking.files import (
    FOLDER,
    Entry,
    RunState,
    Status,
    metrics_file,
    read_entries,
    read_state,
)
from hps_bench.tracking.process import is_gone

ARTIFACT_BYTES = 16 * 2**20
"""Larger files are not copied into the store."""

_CARD = "README.md"
_FORM = "2"
"""Changes when runs are stored in another form, so that an upload replaces the former ones."""


@dataclass(frozen=True)
class Journal:
    """One journal.

    ``status`` is KILLED where the file says RUNNING but the process is gone; ``end_time`` is then
    the time of the last sign of life.
    """

    results: Path
    folder: Path
    state: RunState
    status: Status
    end_time: int | None

    @property
    def stage(self) -> str:
        """``train``, ``evaluate``, or nothing where the run does not say."""
        return self.state.params.get("stage", "")

    @property
    def evaluated_on(self) -> str | None:
        """Data set of an evaluation's prompts; None for other runs."""
        return self.state.params.get("evaluated_on")

    @property
    def manifest(self) -> Path:
        """What the run's stage took down of its inputs and settings."""
        return self.results / self.state.key / "manifest.json"

    def entries(self) -> list[Entry]:
        """Read the metrics, in the order in which they were logged."""
        return read_entries(self.folder)

    def artifacts(self) -> list[Path]:
        """List the registered files that are whole and small enough to be uploaded."""
        paths = (self.results / name for name in self.state.artifacts)
        return [path for path in paths if is_uploadable(path)]

    def files(self) -> list[Path]:
        """List what is uploaded with the run: its registered files and its manifest."""
        manifest = [self.manifest] if is_uploadable(self.manifest) else []
        return list(dict.fromkeys([*self.artifacts(), *manifest]))

    def card(self) -> dict[str, Path]:
        """The model card of a policy, by its name; nothing for an evaluation."""
        path = self.results / self.state.key / _CARD
        is_policy = self.state.key.startswith("policies/")
        return {_CARD: path} if is_policy and is_uploadable(path) else {}

    def left_out(self) -> list[str]:
        """Name the registered files that are not uploaded."""
        names = self.state.artifacts
        return [name for name in names if not _is_small_file(self.results / name)]

    def digest(self) -> str:
        """Digest of all that is uploaded with the run; its card may change while the run stays."""
        parts = [_FORM, self.status, self.state.model_dump_json()]
        parts += [_file_digest(metrics_file(self.folder))]
        parts += [_file_digest(path) for path in (*self.files(), *self._table_sources())]
        return text_digest(*parts)

    def _table_sources(self) -> list[Path]:
        on = self.evaluated_on
        return sources(self.results, self.state.key, on) if on else []


def read_journals(results: Path) -> tuple[list[Journal], list[Path]]:
    """Read all journals of a results folder, by key, and list the folders of damaged ones.

    Raises:
        OSError: a file cannot be read.
    """
    journals, damaged = [], []
    for path in sorted((results / FOLDER).rglob("run.json")):
        state = read_state(path.parent)
        if state is None:
            damaged.append(path.parent)
        else:
            journals.append(_journal(results, path.parent, state))
    return journals, damaged


def files_digest(paths: list[Path]) -> str:
    """Digest of the names and contents of files."""
    lines = (f"{_file_digest(path)} {path.name}" for path in paths)
    return text_digest(*lines)


def text_digest(*texts: str) -> str:
    """Digest of texts in their order."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _journal(results: Path, folder: Path, state: RunState) -> Journal:
    if state.status == "RUNNING" and is_gone(state.process):
        return Journal(results, folder, state, "KILLED", max(_modified(folder)))
    return Journal(results, folder, state, state.status, state.end_time)


def _modified(folder: Path) -> Iterator[int]:
    """Times at which the files of a journal were written, in milliseconds since 1970."""
    for path in (folder / "run.json", metrics_file(folder)):
        if path.exists():
            yield path.stat().st_mtime_ns // 1_000_000


def is_uploadable(path: Path) -> bool:
    """Whether a file is there, small enough and whole."""
    return _is_small_file(path) and is_whole(path)


def _is_small_file(path: Path) -> bool:
    return path.is_file() and path.stat().st_size <= ARTIFACT_BYTES


def _file_digest(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
