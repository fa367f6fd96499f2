"""Put the journals of a results folder into MLflow: what is new is added, nothing twice."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hps_bench.errors import UserError
from hps_bench.safe_text import shown_line
from hps_bench.tracking.files import FOLDER
from hps_bench.tracking.grid import Grid, Outcome
from hps_bench.tracking.reading import Journal, read_journals
from hps_bench.tracking.settings import TrackSettings, read_settings
from hps_bench.tracking.store import open_store, shown, tracking_uri


@dataclass(frozen=True)
class UploadSummary:
    """What became of the runs (their keys), and the files that were left out, with the reason."""

    store: str
    experiment: str
    added: tuple[str, ...]
    replaced: tuple[str, ...]
    unchanged: tuple[str, ...]
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in one line."""
        counts = f"{len(self.added)} added, {len(self.replaced)} replaced"
        counts += f", {len(self.unchanged)} unchanged"
        return shown_line(f"runs: {counts} (experiment {self.experiment!r} in {self.store})")


def upload(
    results: Path, uri: str | None = None, settings: TrackSettings | None = None
) -> UploadSummary:
    """Upload every journal, and what shows the whole grid, that the store does not have yet.

    A run whose journal has changed is made anew and the old one deleted, so that a rerun replaces
    its own run. Any number of processes may do this at the same time.

    Args:
        results: results folder, for example ``results/demo``; its name is the experiment's.
        uri: address of the store, by default that of `hps_bench.tracking.store.tracking_uri`.
        settings: its experiments, by default those that the workflow wrote there.

    Raises:
        UserError: the folder holds nothing to upload, or the store cannot be used.
    """
    results = Path(os.path.abspath(results))  # noqa: PTH100 - "..", too, is a folder with a name
    if not any((results / name).is_dir() for name in (FOLDER, "tables")):
        raise UserError(f"{results}: no runs to track; give a results folder, such as results/demo")
    uri = uri or tracking_uri(results.parent)
    settings = settings or read_settings(results)
    with open_store(uri, results) as client:
        journals, damaged = read_journals(results)
        grid = Grid(client, uri, results, settings, journals)
        outcomes = {journal.state.key: grid.upload(journal) for journal in journals}
        grid.upload_files()
        grid.close()
    return UploadSummary(
        store=shown(uri),
        experiment=results.name,
        added=_keys(outcomes, "added"),
        replaced=_keys(outcomes, "replaced"),
        unchanged=_keys(outcomes, "unchanged"),
        left_out=_left_out(journals, damaged),
    )


def _keys(outcomes: Mapping[str, Outcome], wanted: Outcome) -> tuple[str, ...]:
    return tuple(key for key, outcome in outcomes.items() if outcome == wanted)


def _left_out(journals: Sequence[Journal], damaged: Sequence[Path]) -> tuple[str, ...]:
    lines = [f"{folder}: damaged journal, run its stage again" for folder in damaged]
    for journal in journals:
        lines += [f"{name}: missing or larger than 16 MiB" for name in journal.left_out()]
    return tuple(lines)
