"""Files that belong to a run in the store and that may change while the run stays."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hps_bench.tracking.eval_tables import LOGGED_TABLES, Table, logged_tables
from hps_bench.tracking.reading import files_digest, is_uploadable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_OF_GRID = (
    "index.html",
    "report/report.pdf",
    "tables/*.csv",
    "tables/*.tex",
    "tables/*.html",
    "figures/*.pdf",
    "figures/*.png",
    "figures/*.csv",
    "paper_comparison/*.csv",
    "paper_comparison/*.html",
    "prompts/*/README.md",
)
CARD_TAG = "hps_bench.card"
"""Digest of the model card that a run has."""
FILES_TAG = "hps_bench.files"
"""Digest of the files that a parent run has."""


def grid_files(results: Path) -> dict[str, Path]:
    """Files that show the whole grid, by their path below the results folder."""
    found = sorted(path for pattern in _OF_GRID for path in results.glob(pattern))
    return {str(path.relative_to(results)): path for path in found if is_uploadable(path)}


def digest(files: Mapping[str, Path]) -> str:
    """Digest of names and contents; nothing for no files."""
    return files_digest(list(files.values())) if files else ""


def attach(
    client: MlflowClient,
    run: Run,
    tag: str,
    digest: str,
    files: Mapping[str, Path],
    tables: Mapping[str, Table],
) -> None:
    """Store files and tables with a run, and then their digest as its tag."""
    run_id = run.info.run_id
    with staged(files, tables) as folder:
        client.log_artifacts(run_id, str(folder))
    if tables:
        client.set_tag(run_id, LOGGED_TABLES, logged_tables(tables))
    client.set_tag(run_id, tag, digest)


@contextmanager
def staged(files: Mapping[str, Path], tables: Mapping[str, Table]) -> Iterator[Path]:
    """Bring files together in one folder, since MLflow sends a folder faster than single files.

    Args:
        files: by their path in the folder.
        tables: by file name; a file of the same name makes way.
    """
    with tempfile.TemporaryDirectory() as name:
        # MLflow copies the folder's mode, too, which for the temporary one is the user's alone.
        folder = Path(name) / "files"
        folder.mkdir()
        for place, path in files.items():
            link = folder / place
            link.parent.mkdir(parents=True, exist_ok=True)
            if place not in tables:
                link.symlink_to(path)
        for place, table in tables.items():
            table.write(folder / place)
        yield folder
