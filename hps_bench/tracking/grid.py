"""A results folder in the store: an experiment, its parent runs, and one run per journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hps_bench.cell import Cell
from hps_bench.tracking import attachments, metrics, parents, views
from hps_bench.tracking.datasets import dataset_inputs
from hps_bench.tracking.eval_tables import (
    LOGGED_TABLES,
    SAMPLES,
    Evaluations,
    experiment_sources,
    logged_tables,
)
from hps_bench.tracking.files import Entry, now
from hps_bench.tracking.parents import EXPERIMENT_TAG, GRID
from hps_bench.tracking.reading import Journal, files_digest, text_digest
from hps_bench.tracking.runs import (
    GRID_TAG,
    JOURNAL_TAG,
    PARENT_TAG,
    create_run,
    grid_id,
    log_values,
)
from hps_bench.tracking.settings import TrackSettings, memberships
from hps_bench.tracking.store import experiment_id, shown

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENTS_TAG = "experiments"
"""Experiments of a run, each between bars, so that a filter finds one whose name is part of
another's: ``|fine-tuning|fine-tuning-seeds|``."""

Outcome = Literal["added", "replaced", "unchanged"]


class Grid:
    """Everything that the store has of one results folder.

    A run of a journal carries the journal's digest as its last tag: a run without it is a live
    one, or was left incomplete by an upload that died.
    """

    def __init__(
        self,
        client: MlflowClient,
        uri: str,
        results: Path,
        settings: TrackSettings,
        journals: Sequence[Journal],
    ) -> None:
        """Find the experiment and its runs; make the experiment and parent runs if need be.

        Args:
            client: client of the store, whose lock is held.
            uri: address of the store.
            results: results folder.
            settings: its experiments.
            journals: its journals.
        """
        self._client = client
        self._uri = uri
        self._results = results
        self._cells = settings.cells
        self._experiment = experiment_id(client, uri, results.name)
        self._identity = grid_id(results)
        self._memberships = memberships(settings)
        self._evaluations = Evaluations(results)
        self._runs: dict[str, list[Run]] = defaultdict(list)
        for run in self._search():
            self._runs[run.data.tags.get("key", "")].append(run)
        self._children: dict[str, list[Journal]] = {GRID: []}
        for journal in journals:
            self._children.setdefault(self._parent_name(journal), []).append(journal)
        self._parents = self._find_parents()

    def upload(self, journal: Journal) -> Outcome:
        """Bring one run up to date."""
        digest = journal.digest()
        runs = self._runs[journal.state.key]
        kept = next((run for run in runs if _is_current(run, journal, digest)), None)
        if kept:
            self._adopt(kept, journal)
        else:
            self._create(journal, digest)
        for run in runs:
            if run is not kept:
                self._client.delete_run(run.info.run_id)
        if kept:
            return "unchanged"
        return "replaced" if runs else "added"

    def upload_files(self) -> None:
        """Store with the parent runs what shows many runs, where it has changed."""
        files = attachments.grid_files(self._results)
        self._attach(self._parents[GRID], attachments.FILES_TAG, files)
        for name, cells in self._cells.items():
            if name in self._parents:
                self._show_experiment(self._parents[name], name, cells)

    def close(self) -> None:
        """Give parents their status, and put views into the store."""
        everything = [journal for found in self._children.values() for journal in found]
        for name, run in self._parents.items():
            journals = everything if name == GRID else self._children[name]
            parents.close_parent(self._client, run, journals)
        wanted = views.views(everything)
        views.store_views(self._client, self._experiment, wanted)
        views.write_addresses(self._results, shown(self._uri), self._experiment, wanted)

    def _parent_name(self, journal: Journal) -> str:
        """The first experiment of a run, under which it stands."""
        return self._memberships.get(journal.state.key, (GRID,))[0]

    def _search(self) -> list[Run]:
        found: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment], f"tags.`{GRID_TAG}` = '{self._identity}'", page_token=token
            )
            found += page
            token = page.token
            if not token:
                return found

    def _find_parents(self) -> dict[str, Run]:
        """Parent runs of the grid and of experiments that have runs; others go.

        They start now, each a little before the one above it: MLflow's page sorts by the start
        and shows a hundred runs at first, of which these should be the first, in their order.
        """
        found = {run.data.tags.get(EXPERIMENT_TAG, GRID): run for run in self._runs.pop("", [])}
        for name in found.keys() - self._children.keys():
            self._client.delete_run(found.pop(name).info.run_id)
        new = [name for name in (GRID, *self._cells) if name not in found]
        start = now()
        for age, name in enumerate(name for name in new if name in self._children):
            place = (self._client, self._experiment, self._identity, self._results)
            found[name] = parents.create_parent(*place, name, start - age)
        return found

    def _show_experiment(self, run: Run, name: str, cells: Sequence[Cell]) -> None:
        """Describe an experiment, and store its policies' samples side by side, if changed."""
        described = parents.description(name, cells)
        digest = text_digest(described, files_digest(experiment_sources(self._results, cells)))
        if run.data.tags.get(attachments.FILES_TAG) == digest:
            return
        self._client.set_tag(run.info.run_id, "mlflow.note.content", described)
        table = self._evaluations.samples(cells)
        tables = {SAMPLES: table} if table else {}
        attachments.attach(self._client, run, attachments.FILES_TAG, digest, {}, tables)

    def _tags(self, journal: Journal) -> dict[str, str]:
        """Where a run stands: its parent, and all experiments that it belongs to."""
        tags = {PARENT_TAG: self._parents[self._parent_name(journal)].info.run_id}
        if names := self._memberships.get(journal.state.key):
            tags[EXPERIMENTS_TAG] = f"|{'|'.join(names)}|"
        return tags

    def _adopt(self, run: Run, journal: Journal) -> None:
        """Mend what may change while a run stays: parent, experiments, model card."""
        for tag, value in self._tags(journal).items():
            if run.data.tags.get(tag) != value:
                self._client.set_tag(run.info.run_id, tag, value)
        if EXPERIMENTS_TAG in run.data.tags.keys() - self._tags(journal).keys():
            self._client.delete_tag(run.info.run_id, EXPERIMENTS_TAG)
        self._attach(run, attachments.CARD_TAG, journal.card())

    def _attach(self, run: Run, tag: str, files: Mapping[str, Path]) -> None:
        digest = attachments.digest(files)
        if files and run.data.tags.get(tag) != digest:
            attachments.attach(self._client, run, tag, digest, files, {})

    def _create(self, journal: Journal, digest: str) -> None:
        client, state = self._client, journal.state
        on = journal.evaluated_on
        tables = self._evaluations.tables(state.key, on) if on else {}
        card = journal.card()
        tags = self._tags(journal)
        tags |= {LOGGED_TABLES: logged_tables(tables)} if tables else {}
        tags |= {attachments.CARD_TAG: attachments.digest(card)} if card else {}
        run_id = create_run(client, self._experiment, self._identity, state, tags)
        if inputs := dataset_inputs(self._results, journal.manifest, journal.stage):
            client.log_inputs(run_id, inputs)
        files = {path.name: path for path in journal.files()} | card
        with attachments.staged(files, tables) as folder:
            client.log_artifacts(run_id, str(folder))
        if journal.status != "RUNNING":
            client.set_terminated(run_id, journal.status, journal.end_time)
        log_values(client, run_id, state.params, _entries(journal), {JOURNAL_TAG: digest})


def _entries(journal: Journal) -> list[Entry]:
    state = journal.state
    figures = Entry(step=0, time=journal.end_time or now(), metrics=state.figures)
    named = metrics.named([*journal.entries(), figures], journal.stage)
    return [*named, metrics.axes(state.params, state.start_time)]


def _is_current(run: Run, journal: Journal, digest: str) -> bool:
    """Say whether a run is up to date, or is the live one of a job that still runs."""
    tags = run.data.tags
    if JOURNAL_TAG in tags:
        return bool(tags[JOURNAL_TAG] == digest)
    return journal.status == "RUNNING" and tags["attempt"] == str(journal.state.attempt)
