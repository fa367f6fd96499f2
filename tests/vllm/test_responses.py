"""The ``responses`` stage on vLLM: its engine is killed in the middle, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hps_bench.models.settings import ModelSource
from hps_bench.records import read_json, read_rows, write_rows
from hps_bench.schemas import PROMPTS, RESPONSES
from tests.busy_folder import matching
from tests.cli.command import HPS_BENCH, ROOT
from tests.processes import children, is_gone, wait_for
from tests.unit.models.rows import pairs
from tests.vllm.models import save_model

pytestmark = [pytest.mark.vllm, pytest.mark.xdist_group("vllm")]

ENDED = "vLLM's engine ended while it worked"
PROMPT_COUNT, SAMPLES, SHARD = 240, 4, 12


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    return save_model(tmp_path_factory.mktemp("model"))


def prepare(folder: Path, source: ModelSource) -> list[str]:
    """Write inputs; the last prompt is too long. Returns the command."""
    rows = pairs(PROMPT_COUNT)
    rows[-1]["messages"] = [{"role": "user", "content": "hello there " * 400}]
    write_rows(folder / "prompts.parquet", rows, PROMPTS)
    settings = {
        "backend": "vllm",
        "model": source.model_dump(),
        "sampling": {"max_tokens": 96},
        "samples": SAMPLES,
        "shard_prompts": SHARD,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "engine.json").write_text(json.dumps({"eager": True}))
    options = {
        "settings": folder / "settings.json",
        "engine": folder / "engine.json",
        "prompts": folder / "prompts.parquet",
        "split": "train",
        "part": 0,
        "parts": 1,
        "output": folder / "responses.parquet",
    }
    pairs_of = [item for name, value in options.items() for item in (f"--{name}", str(value))]
    return [*HPS_BENCH, "responses", *pairs_of]


def finish(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def shards(folder: Path) -> dict[str, int]:
    """Time of writing of each shard that is there; their folder goes away at the end."""
    times = {}
    for path in matching(folder, ".*shards*/[0-9]*.parquet"):
        with suppress(FileNotFoundError):
            times[path.name] = path.stat().st_mtime_ns
    return times


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return list(read_rows(folder / "responses.parquet", RESPONSES))


def engine_of(stage: int) -> int:
    """Process id of a stage's engine."""
    [engine] = [
        c for c in children(stage) if b"EngineCore" in Path(f"/proc/{c}/cmdline").read_bytes()
    ]
    return engine


@pytest.mark.parametrize("victim", ["engine", "stage"])
def test_a_kill_costs_no_finished_shard(victim: str, tmp_path: Path, source: ModelSource) -> None:
    command = prepare(tmp_path, source)
    log = (tmp_path / "log").open("w")
    stage = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    wait_for(lambda: len(shards(tmp_path)) >= 2, 120)
    engine = engine_of(stage.pid)
    done = shards(tmp_path)
    os.kill(engine if victim == "engine" else stage.pid, signal.SIGKILL)
    code = stage.wait(60)
    assert len(shards(tmp_path)) < PROMPT_COUNT // SHARD
    if victim == "engine":
        assert code == os.EX_TEMPFAIL
        before, said, after = (tmp_path / "log").read_text().partition(ENDED)
        assert said, before
        assert before.splitlines()[-1].startswith("hps-bench: ")
        assert "Traceback" not in after
    wait_for(lambda: is_gone(engine), 60)
    seen: dict[str, int] = {}
    again = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    while again.poll() is None:
        seen |= shards(tmp_path)
    assert again.returncode == 0
    assert done.items() <= seen.items(), "a finished shard was written again"
    rows = rows_of(tmp_path)
    assert [row["sample_index"] for row in rows] == list(range(SAMPLES)) * (PROMPT_COUNT - 1)
    summary = read_json(tmp_path / "responses.json")
    assert summary["prompts_too_long"] == [f"train{PROMPT_COUNT - 1}"]
    assert summary["cut_at_length"] == sum(row["finish_reason"] == "length" for row in rows)
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    assert finish(prepare(undisturbed, source)).returncode == 0
    assert rows_of(undisturbed) == rows
