"""Views of the runs that stand ready in MLflow's page: filter, columns, order, groups.

MLflow's page keeps a view as a tag of the experiment, ``mlflow.sharedViewState.<id>``, whose value
is JSON: name, times, and as ``state`` what is selected, JSON again, deflated, in base64
(MLflow 3.17). The page lists them under *Views* and opens one by ``?viewStateShareKey=<id>``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from hps_bench.errors import UserError
from hps_bench.records import read_json, write_json
from hps_bench.tracking.files import FOLDER, now
from hps_bench.tracking.reading import Journal
from hps_bench.tracking.runs import CELL_TAG, POLICY_TAG, cell_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

_FILE = "views.json"
_PREFIX = "mlflow.sharedViewState."
_DIGEST_TAG = "hps_bench.views"
_KIND_TAG = "mlflow.experimentKind"
_NOTE_TAG = "mlflow.note.content"
_TRAINING_AXES = tuple(
    f"tags.`{axis}`" for axis in ("reward", "method", "dataset", "responses", "beta", "seed")
)
_AXES = (*_TRAINING_AXES, "tags.`evaluated_on`")
_EVALUATED = (
    *("reward_best", "true_reward", "bleu_char_nltk", "rm_dpo", "margin_hardest"),
    *("ranking_accuracy", "kl_preferred", "harmful"),
)
_TRAINED = (
    *("last_loss", "first_loss", "rewards/margins", "rewards/accuracies", "steps", "tokens"),
    *("device_seconds", "peak_memory_bytes"),
)
_LONGEST_STATE = 19_000
"""A tag of an experiment holds 20,000 characters."""
_WIDTH = 125
_NAME_WIDTH = {"attributes.`Run Name`": 400}
"""In pixels."""
_NOTE = """\
One run per training and per evaluation; each hangs below an experiment of the config, and `grid` \
holds tables, figures and the report. Open a list that is ready under **Views**, or filter: \
`tags.method = 'hps' and tags.stage = 'evaluate'`, ``metrics.`axis/responses` >= 20``."""


@dataclass(frozen=True)
class View:
    """A list of runs.

    Attributes:
        name: what the page calls it.
        filter: MLflow's filter.
        columns: tags and metrics, in the page's notation.
        order: what rows are sorted by, in the page's notation; largest first.
        group: tag whose runs are averaged into one row; none where it is empty.
        closed: values of that tag whose rows do not show their runs at first.
        mode: ``TABLE``, ``CHART``, or ``ARTIFACT`` for tables of several runs side by side.
        charts: regular expression of the metrics that are drawn.
    """

    name: str
    filter: str
    columns: tuple[str, ...] = ()
    order: str = "attributes.start_time"
    group: str = ""
    closed: tuple[str, ...] = ()
    mode: str = "TABLE"
    charts: str = ""

    def state(self) -> str:
        """What the page reads: filter and order, columns and groups."""
        widths = {**_NAME_WIDTH, **dict.fromkeys(self.columns, _WIDTH)}
        keys = [{"mode": "tag", "groupByData": self.group}] if self.group else []
        state = {
            "searchFilter": self.filter,
            "orderByKey": self.order,
            "orderByAsc": False,
            "selectedColumns": self.columns,
            "columnOrder": list(widths),
            "columnWidths": widths,
            "runsHiddenMode": "FIRST_20_RUNS",
            "groupBy": {"aggregateFunction": "average", "groupByKeys": keys} if keys else None,
            "groupsExpanded": {f"tag.{self.group}.{value}": False for value in self.closed},
            "chartsSearchFilter": self.charts,
        }
        return json.dumps(state)


def views(journals: Sequence[Journal]) -> dict[str, View]:
    """The views of a grid, by id.

    Args:
        journals: journals of its runs; a metric that none has becomes no column.
    """
    figures = {name for journal in journals for name in journal.state.figures}
    evaluated = tuple(f"metrics.`eval/{name}`" for name in _EVALUATED if name in figures)
    trained = tuple(f"metrics.`train/{name}`" for name in _TRAINED)
    best = evaluated[0] if evaluated else "attributes.start_time"
    is_evaluation, is_training = "tags.stage = 'evaluate'", "tags.stage = 'train'"
    found = {
        "evaluations": View("Evaluations", is_evaluation, (*evaluated, *_AXES), best),
        "cells": View(
            "Evaluations, mean over seeds",
            f"{is_evaluation} and tags.cell LIKE '%'",
            columns=evaluated,
            group=CELL_TAG,
            closed=_values(journals, CELL_TAG),
        ),
        "training": View("Training", is_training, (*trained, *_TRAINING_AXES)),
        "curves": View(
            "Training curves",
            is_training,
            columns=trained,
            group=POLICY_TAG,
            closed=_values(journals, POLICY_TAG),
            mode="CHART",
            charts="train/(loss|rewards/margins|rewards/accuracies|logps)",
        ),
    }
    data_sets = dict.fromkeys(on for journal in journals if (on := journal.evaluated_on))
    for name in data_sets:
        of_set = f"{is_evaluation} and tags.evaluated_on = '{name}'"
        title = f"Samples side by side, {name}"
        found[f"samples-{name}"] = View(title, of_set, order=best, mode="ARTIFACT")
    return found


def address(experiment: str, identity: str, view: View) -> str:
    """Path and query of a view on MLflow's page."""
    # Without a type of workflow the page starts with traces of chats, which there are none of.
    query = {"viewStateShareKey": identity, "workflowType": "machine_learning"}
    if view.mode != "TABLE":
        query["compareRunsMode"] = view.mode
    return f"/#/experiments/{experiment}/runs?{urlencode(query)}"


def tag_value(view: View, time: int) -> str:
    """What MLflow's page keeps of a view; groups start open where they are too many for a tag.

    Args:
        view: the view.
        time: of its making, in milliseconds since 1970.
    """
    packed = base64.b64encode(zlib.compress(view.state().encode())).decode()
    if len(packed) > _LONGEST_STATE:
        return tag_value(replace(view, closed=()), time)
    kept = {"name": view.name, "createdAt": time, "updatedAt": time, "state": f"deflate;{packed}"}
    return json.dumps(kept)


def store_views(client: MlflowClient, experiment: str, wanted: Mapping[str, View]) -> None:
    """Put views into the store where they have changed; what users have changed there stays."""
    tags = client.get_experiment(experiment).tags
    for tag, value in ((_KIND_TAG, "custom_model_development"), (_NOTE_TAG, _NOTE)):
        if tag not in tags:
            client.set_experiment_tag(experiment, tag, value)
    digest = _digest(wanted)
    if tags.get(_DIGEST_TAG) == digest:
        return
    # The page lists the newest first.
    for age, (identity, view) in enumerate(wanted.items()):
        client.set_experiment_tag(experiment, _PREFIX + identity, tag_value(view, now() - age))
    client.set_experiment_tag(experiment, _DIGEST_TAG, digest)


def write_addresses(results: Path, store: str, experiment: str, wanted: Mapping[str, View]) -> None:
    """Write where the views are, for `read_addresses`, which needs no MLflow."""
    found = {view.name: address(experiment, key, view) for key, view in wanted.items()}
    write_json(results / FOLDER / _FILE, {"store": store, "views": found})


def read_addresses(results_root: Path, store: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Names of results folders with the views that a store has of them.

    Args:
        results_root: folder of all results folders.
        store: address of the store, as it is shown.
    """
    for path in sorted(results_root.glob(f"*/{FOLDER}/{_FILE}")):
        with suppress(UserError, KeyError, TypeError, AttributeError):
            found = read_json(path)
            if found["store"] == store:
                yield path.parent.parent.name, dict(found["views"])


def _values(journals: Iterable[Journal], tag: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t[tag] for j in journals if tag in (t := cell_tags(j.state))))


def _digest(wanted: Mapping[str, View]) -> str:
    text = json.dumps([(key, view.name, view.state()) for key, view in wanted.items()])
    return hashlib.sha256(text.encode()).hexdigest()
