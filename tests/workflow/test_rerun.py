"""What runs again after a change, in a copy of the repository where all is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow.parquet as pq
import pytest
import yaml

from tests.workflow.repository import WITH_HINGE, Repository

pytestmark = pytest.mark.xdist_group("finished")

OF_CONFIG = {"report": 1, "cards": 1, "index": 1, "track": 1, "all": 1}
"""What shows the whole config; the first three have settings."""
OF_TABLES = OF_CONFIG | {"table": 2}


@contextmanager
def changed(repository: Repository, name: str, before: str, after: str) -> Iterator[None]:
    """Change a file for as long as the block lasts."""
    path = repository.folder / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    try:
        yield
    finally:
        path.write_text(text)


def planned(repository: Repository, *arguments: str, **variables: str) -> dict[str, int]:
    return repository.planned("--configfile", WITH_HINGE, *arguments, **variables)


def test_all_stages_have_written_their_files(finished: Repository) -> None:
    results = finished.folder / "results" / "tiny"
    cell = "toy-dialogue/dpo-hps/n4-b0.1-s0"
    assert pq.read_metadata(results / "plans/toy-dialogue/hps/n4-s0/plan.parquet").num_rows > 0
    assert json.loads((results / "policies" / cell / "training.json").read_text())["steps"] == 2
    assert (results / "evaluations/toy-dialogue" / cell / "evaluation.json").is_file()
    assert (results / "tables" / "table2.tex").is_file()
    assert "runs: 7 added" in (results / "tracking" / "uploaded.txt").read_text()
    logs = [path for path in (results / "logs").rglob("*.log") if path.stat().st_size]
    assert "Traceback" not in "".join(path.read_text() for path in logs)


def test_second_run_has_nothing_to_do(finished: Repository) -> None:
    assert planned(finished) == {}


def test_comments_and_docstrings_rerun_nothing(finished: Repository) -> None:
    path = finished.folder / "hps_bench/training/loop.py"
    docstring = path.read_text().split('"""')[1]
    with changed(finished, "hps_bench/training/loop.py", docstring, "Other words.\n\nHere too."):
        path.write_text(path.read_text() + "\n# A remark.\n")
        assert planned(finished) == {}


def test_code_of_training_reruns_training_and_what_hangs_on_it(finished: Repository) -> None:
    with changed(
        finished, "hps_bench/training/loop.py", "\n@dataclass", "\nUNUSED = 1\n\n\n@dataclass"
    ):
        assert planned(finished) == OF_TABLES | {"train": 3, "evaluate": 3}


def test_code_of_one_loss_reruns_its_policies_only(finished: Repository) -> None:
    with changed(finished, "hps_bench/losses/sppo.py", "\ndef ", "\nUNUSED = 1\n\n\ndef "):
        assert planned(finished) == OF_TABLES | {"train": 1, "evaluate": 1}


def test_learning_rate_reruns_training_not_plans(finished: Repository) -> None:
    jobs = planned(finished, "--config", "training={'learning_rate': 2e-3, 'batch_size': 2}")
    shown = OF_TABLES | {"settings": 3 + 1 + 3, "paper_comparison": 1}
    assert jobs == shown | {"train": 3, "evaluate": 3}


def test_level_of_intervals_and_tracking_server_rerun_no_policy(finished: Repository) -> None:
    """The server's address reruns nothing, so that only the tables that have changed remain."""
    server = {"MLFLOW_TRACKING_URI": "http://localhost:9"}
    assert planned(finished, **server) == {}
    jobs = planned(finished, "--config", "statistics={'level': 0.9}")
    assert jobs == OF_TABLES | {"settings": 2 + 1 + 3, "paper_comparison": 1}


def test_settings_that_decide_nothing_rerun_no_stage_and_hide_nothing(finished: Repository) -> None:
    """Snakemake plans nothing behind an ``ancient`` input that is made again."""
    speed = "training={'learning_rate': 1e-3, 'batch_size': 2, 'micro_batch_tokens': 100}"
    assert planned(finished, "--config", speed) == OF_CONFIG | {"settings": 3}
    folder = finished.folder / "results/tiny/evaluations/toy-dialogue/toy-dialogue/dpo-hps"
    metrics = folder / "n4-b0.1-s0/evaluation.json"
    kept = metrics.rename(metrics.with_name("kept"))
    try:
        assert planned(finished, "--config", speed)["evaluate"] == 1
    finally:
        kept.rename(metrics)


def test_loss_of_a_file_trains_like_any_other(finished: Repository) -> None:
    policy = finished.folder / "results/tiny/policies/toy-dialogue/hinge-hps/n4-b0.1-s0"
    manifest = json.loads((policy / "manifest.json").read_text())
    assert manifest["settings"]["loss"]["function"] == "docs/examples/hinge.py:comparison"
    assert manifest["results"]["steps"] == 2
    table = (finished.folder / "results/tiny/tables/table2.csv").read_text()
    assert "hinge" in table


def test_code_of_a_loss_file_reruns_its_policies_only(finished: Repository) -> None:
    with changed(finished, "docs/examples/hinge.py", "(1 - batch", "(2 - batch"):
        assert planned(finished) == OF_TABLES | {"train": 1, "evaluate": 1}


def test_loss_that_is_added_reruns_no_other(finished: Repository) -> None:
    text = (finished.folder / "docs/examples/hinge.py").read_text()
    (finished.folder / "mine.py").write_text(text.replace('name="hinge"', 'name="mine"'))
    values = yaml.safe_load((finished.folder / WITH_HINGE).read_text())
    values["losses"]["mine"] = {"file": "mine.py"}
    values["experiments"]["fine-tuning"]["rewards"].append("mine")
    (finished.folder / "mine.yaml").write_text(yaml.safe_dump(values))
    jobs = finished.planned("--configfile", "mine.yaml")
    assert jobs == OF_TABLES | {"settings": 1 + 2 + 1 + 3, "train": 1, "evaluate": 1}
