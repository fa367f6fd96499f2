import base64
import json
import random
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlparse

import pytest

from hps_bench.tracking.reading import read_journals
from hps_bench.tracking.store import experiment_id, open_store, tracking_uri
from hps_bench.tracking.ui import ready_views
from hps_bench.tracking.upload import upload
from hps_bench.tracking.views import View, read_addresses, store_views, tag_value, views
from tests.unit.tracking.fabricated import cell, experiment, write_grid

if TYPE_CHECKING:
    from mlflow import MlflowClient

OWN = {"own": experiment(["bt", "hps"], seeds=[0, 1])}


def test_views_follow_what_the_runs_have(tmp_path: Path) -> None:
    write_grid(tmp_path / "demo", OWN)
    found = views(read_journals(tmp_path / "demo")[0])
    assert list(found) == ["evaluations", "cells", "training", "curves", "samples-pku"]
    assert found["evaluations"].columns[:3] == (
        *("metrics.`eval/reward_best`", "metrics.`eval/rm_dpo`", "tags.`reward`"),
    )
    assert found["cells"].closed == (
        *("dpo-bt pku n20 b0.1 on pku", "dpo-hps pku n20 b0.1 on pku"),
        *("dpo-bt pku n20 b0.1", "dpo-hps pku n20 b0.1"),
    )
    assert found["curves"].closed == ("dpo-bt", "dpo-hps")


def test_the_state_is_what_mlflows_page_reads() -> None:
    """Keys as in MLflow 3.17's page; tests/browser opens views in it."""
    columns = ("tags.`a`", "metrics.`eval/m`")
    view = View("x", "tags.a = 'b'", columns, group="cell", closed=("c d",))
    state = json.loads(view.state())
    assert state["searchFilter"] == "tags.a = 'b'"
    assert state["selectedColumns"] == list(columns)
    assert state["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "cell"}]
    assert state["groupsExpanded"] == {"tag.cell.c d": False}


def _state(value: str) -> dict[str, Any]:
    """What the page makes of a tag: inflated, as zlib does it."""
    kind, _, packed = json.loads(value)["state"].partition(";")
    assert kind == "deflate"
    return dict(json.loads(zlib.decompress(base64.b64decode(packed))))


def _experiment_tags(client: "MlflowClient", experiment: str) -> dict[str, str]:
    return dict(client.get_experiment(experiment).tags)


def test_views_are_stored_once_and_stay_as_users_change_them(results: Path) -> None:
    uri = tracking_uri(results.parent)
    with open_store(uri, results) as client:
        experiment = experiment_id(client, uri, "demo")
        store_views(client, experiment, {"one": View("One", "")})
        key = "mlflow.sharedViewState.one"
        kept = json.loads(_experiment_tags(client, experiment)[key])
        assert (kept["name"], _state(json.dumps(kept))["searchFilter"]) == ("One", "")
        client.set_experiment_tag(experiment, key, "mine")
        client.set_experiment_tag(experiment, "mlflow.note.content", "mine")
        store_views(client, experiment, {"one": View("One", "")})
        tags = _experiment_tags(client, experiment)
        assert (tags[key], tags["mlflow.note.content"]) == ("mine", "mine")
        store_views(client, experiment, {"one": View("One", "tags.a = 'b'")})
        tags = _experiment_tags(client, experiment)
        assert (tags[key] == "mine", tags["mlflow.note.content"]) == (False, "mine")


def test_views_of_large_grids_fit_into_a_tag(tmp_path: Path) -> None:
    """MLflow takes 20,000 characters; the paper's grid has some 150 cells."""
    cells = [cell("hps", "a" * 30, responses=n) for n in range(2, 402)]
    write_grid(tmp_path / "demo", {"own": experiment(["hps"])})
    journals, _ = read_journals(tmp_path / "demo")
    states = [
        journal.state.model_copy(update={"params": {**journal.state.params, **more}})
        for journal in journals
        for one in cells
        for more in [{name: str(value) for name, value in one.axes.items()}]
    ]
    many = [type(journals[0])(tmp_path, tmp_path, s, "FINISHED", 0) for s in states]
    found = views(many)["cells"]
    assert len(found.closed) == 800
    assert len(tag_value(found, 0)) < 20_000
    assert _state(tag_value(found, 0))["groupsExpanded"]
    names = tuple(random.Random(n).randbytes(60).hex() for n in range(1000))
    assert _state(tag_value(replace(found, closed=names), 0))["groupsExpanded"] == {}


def test_the_command_ui_says_where_views_are(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_grid(results, OWN)
    upload(results)
    title, *lines = ready_views(results.parent, 5005)
    assert title == "demo:"
    name, url = lines[0].rsplit(maxsplit=1)
    parts = urlparse(url)
    assert (name.strip(), parts.netloc) == ("Evaluations", "127.0.0.1:5005")
    route, _, query = parts.fragment.partition("?")
    assert route == "/experiments/1/runs"
    assert parse_qs(query)["viewStateShareKey"] == ["evaluations"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere.db")
    assert list(ready_views(results.parent, 5005)) == []


def test_a_damaged_list_of_addresses_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "demo/tracking").mkdir(parents=True)
    (tmp_path / "demo/tracking/views.json").write_text("[]")
    assert list(read_addresses(tmp_path, "sqlite://")) == []
