"""The toy world on vLLM, whole: sampling, scoring, adapters on one base, and a served judge."""

from __future__ import annotations

import csv
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from hps_bench.records import read_rows
from hps_bench.schemas import JUDGEMENTS, RESPONSES, SAMPLES
from tests.workflow.repository import Repository
from tests.workflow.test_rerun import OF_CONFIG

pytestmark = [pytest.mark.vllm, pytest.mark.xdist_group("vllm")]

CONFIG = ("--configfile", "config/vllm-cpu.yaml")
DATASETS = ("toy-dialogue", "toy-questions")
CELL = "toy-dialogue/toy-dialogue/dpo-hps/n8-b0.1-s0"
STARTS = "Loading safetensors checkpoint shards"
"""What an engine prints when it starts."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository(tmp_path_factory.mktemp("vllm"))
    command = ("hps_bench", "preload", "--", "snakemake", "--cores", "2", *CONFIG)
    result = made.run(*command, timeout=1800)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return made


@pytest.fixture(scope="module")
def results(finished: Repository) -> Path:
    return finished.folder / "results/vllm-cpu"


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def starts(path: Path) -> int:
    return path.read_text().count(f"{STARTS}: 100%")


def test_no_cell_is_missing_in_a_table(results: Path) -> None:
    tables = sorted(results.glob("tables/*.csv"))
    assert [table.stem for table in tables] == ["cost", "table2", "table4", "table5"]
    for table in tables:
        notes = {row["note"] for row in csv.DictReader(table.open())}
        assert not any("missing" in note for note in notes), table


def test_responses_are_those_of_the_config(results: Path) -> None:
    for dataset in DATASETS:
        folder = results / "responses" / dataset / "train"
        rows = list(read_rows(folder / "part-000-of-001.parquet", RESPONSES))
        assert [row["sample_index"] for row in rows] == list(range(8)) * 60
        assert {row["finish_reason"] for row in rows} <= {"stop", "length"}
        assert all(row["token_count"] == 48 for row in rows if row["finish_reason"] == "length")
        assert read(folder / "part-000-of-001.json")["distinct"] > 400


def test_one_engine_serves_the_adapters_of_an_experiment(results: Path) -> None:
    """Two starts a batch, one to sample and one to score; none in evaluations of its policies."""
    batches = sorted(results.glob("logs/samples/*/*.log"))
    assert len(batches) == 4
    assert [starts(log) for log in batches] == [2] * 4
    evaluations = sorted(results.glob("logs/evaluate/**/*.log"))
    assert {log.stem == "sft": starts(log) for log in evaluations} == {True: 2, False: 0}
    for evaluated_on, experiment in product(DATASETS, ("fine-tuning", "transfer")):
        assert read(results / "samples" / evaluated_on / f"{experiment}.json")["policies"] == 3


def test_policies_differ_from_their_base(results: Path) -> None:
    folder = results / "evaluations/toy-dialogue"
    ours, theirs = (
        [row["text"] for row in read_rows(path / "samples.parquet", SAMPLES)]
        for path in (folder / "sft", results / "evaluations" / CELL)
    )
    assert 0 < sum(a == b for a, b in zip(ours, theirs, strict=True)) < len(ours)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_response_has_a_judgement(results: Path, dataset: str) -> None:
    folder = results / "judge" / dataset
    rows = list(read_rows(folder / "scores.parquet", JUDGEMENTS))
    first = [row for row in rows if row["repeat"] == 0]
    assert len(first) == 4 * 20
    assert {row["policy"] for row in first} == {"sft"} | {
        f"{dataset}/dpo-{method}/n8-b0.1-s0" for method in ("pl", "bt", "hps")
    }
    scored = [row for row in first if row["outcome"] == "scored"]
    assert len(scored) > 40
    assert all(0 <= row["score"] <= 5 and (8 * row["score"]).is_integer() for row in scored)
    assert read(folder / "summary.json")["requests"] > 0
    assert (folder / "audit.html").is_file()


def test_nothing_is_done_twice(finished: Repository) -> None:
    assert finished.planned(*CONFIG) == {}
    engine = "engine={'eager': True, 'cpu_cache_gib': 2}"
    assert finished.planned(*CONFIG, "--config", engine) == OF_CONFIG | {"settings": 3}
    cell = f"results/vllm-cpu/evaluations/{CELL}/evaluation.json"
    assert finished.planned(cell, *CONFIG) == {}


def test_answers_outlive_their_scores(finished: Repository, results: Path) -> None:
    scores = results / "judge/toy-dialogue/scores.parquet"
    before = list(read_rows(scores, JUDGEMENTS))
    scores.unlink()
    name = "results/vllm-cpu/judge/toy-dialogue/scores.parquet"
    result = finished.snakemake("--cores", "2", name, *CONFIG)
    assert result.returncode == 0, result.stdout + result.stderr
    summary = read(scores.with_name("summary.json"))
    assert summary["requests"] == 0
    kept = [{**row, "asks": 0} for row in before]
    assert [{**row, "asks": 0} for row in read_rows(scores, JUDGEMENTS)] == kept
