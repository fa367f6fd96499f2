"""Runs of the whole workflow that are killed end like one that was left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from hps_bench.records import read_json
from tests.busy_folder import matching
from tests.processes import kill_group

pytestmark = pytest.mark.demo

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
RESULTS = Path("results") / "tiny"


def config() -> dict[str, Any]:
    """The tiny config, with shards and steps enough to be killed among them."""
    tiny: dict[str, Any] = yaml.safe_load((ROOT / "tests/workflow/tiny.yaml").read_text())
    tiny["responses"] |= {"train_prompts": 24, "shard_prompts": 1}
    tiny["training"] |= {"batch_size": 1, "checkpoint_steps": 1}
    return tiny


def start(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start the workflow in this folder, in a process group of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config()))
    command = [f"{BIN}/hps-bench", "preload", "--", f"{BIN}/snakemake", "--cores", "2"]
    command += ["--snakefile", f"{ROOT}/Snakefile", "--configfile", "config.yaml", *options]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def finish(folder: Path) -> None:
    """Run the workflow to its end."""
    code = start(folder).wait(timeout=600)
    assert code == 0, (folder / "log").read_text()[-3000:]


def kill_once_there_is(folder: Path, pattern: str, output: str) -> None:
    """Run until a file appears that a job keeps for its retry, before the job's output does."""
    process = start(folder)
    for _ in range(60_000):
        if matching(folder / RESULTS, pattern):
            break
        assert process.poll() is None, (folder / "log").read_text()[-3000:]
        time.sleep(0.005)
    kill_group(process)
    assert list((folder / RESULTS).glob(pattern))
    assert not list((folder / RESULTS).glob(output))


def contents(folder: Path, *patterns: str) -> dict[str, bytes]:
    """Bytes of the result files that match, by path."""

    def found() -> Iterator[Path]:
        for pattern in patterns:
            yield from (folder / RESULTS).glob(pattern)

    return {str(path.relative_to(folder)): path.read_bytes() for path in found()}


def test_killed_runs_end_like_an_undisturbed_one(tmp_path: Path) -> None:
    """Killed while responses are sampled and while a policy is trained; cost is wall time."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(whole)
    shards = "responses/*/train/.*.shards-*/*.parquet"
    kill_once_there_is(killed, shards, "responses/*/train/*.parquet")
    kill_once_there_is(killed, "checkpoints/**/step-*.pt", "policies/*/*/*/training.json")
    finish(killed)
    attempts = [
        read_json(path)["attempts"] for path in (killed / RESULTS).glob("policies/**/training.json")
    ]
    assert max(attempts) == 2
    for pattern in ("tables/table*.csv", "policies/**/*.safetensors", "responses/**/*.parquet"):
        expected = contents(whole, pattern)
        assert expected
        assert contents(killed, pattern) == expected
    cost = (killed / RESULTS / "tables" / "cost.csv").read_text().splitlines()
    assert cost[0] == (whole / RESULTS / "tables" / "cost.csv").read_text().splitlines()[0]


def test_a_training_that_is_warned_is_retried_and_loses_nothing(tmp_path: Path) -> None:
    """SIGUSR1 to the training command, as SLURM warns; the retry goes on from its checkpoint."""
    process = start(tmp_path, "--retries", "1")
    while not matching(tmp_path / RESULTS, "checkpoints/**/step-*.pt"):
        assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
        time.sleep(0.005)
    named = ["pgrep", "--pgroup", str(process.pid), "--full", "hps-bench .* train --settings"]
    found = subprocess.run(named, capture_output=True, text=True, check=True).stdout.split()
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGUSR1)
    assert process.wait(timeout=600) == 0, (tmp_path / "log").read_text()[-3000:]
    assert "SIGUSR1 received after step" in (tmp_path / "log").read_text()
    attempts = [
        read_json(path)["attempts"]
        for path in (tmp_path / RESULTS).glob("policies/**/training.json")
    ]
    assert max(attempts) == 2
    expected = contents(tmp_path, "policies/**/*.safetensors")
    finish(tmp_path / "whole")
    assert contents(tmp_path / "whole", "policies/**/*.safetensors") == expected


def test_a_second_run_keeps_out_of_the_first_ones_results(tmp_path: Path) -> None:
    """Snakemake's lock is off, since it would outlive ``kill -9``; ours keeps runs apart."""
    first = start(tmp_path)
    while not (tmp_path / RESULTS / ".running.lock").exists():
        assert first.poll() is None
        time.sleep(0.01)
    second = start(tmp_path)
    assert second.wait(timeout=120) == 2
    assert "results/tiny: another run is writing here" in (tmp_path / "log").read_text()
    assert first.poll() is None
    kill_group(first)
