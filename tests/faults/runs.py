"""Runs of the whole workflow at tiny scale, how they are disturbed, and what they end with."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from hps_bench.folders import SO_FAR
from tests.processes import kill_group
from tests.unit.theory.tiny import TINY as THEORY
from tests.workflow.repository import INHERITED, TINY

SEED = int(os.environ.get("HPS_BENCH_FAULTS_SEED", "0"))
BIN = Path(sys.executable).parent
RESULTS = Path("results") / "faults"

_APART = {"benchmarks", "logs", "settings", SO_FAR.tables, SO_FAR.figures}
"""Folders of a results folder that hold no results."""
_STORE = {"grid.json", "uploaded.txt", "views.json", "index-so-far.html", "links.csv"}
"""Files that tell what an earlier run has left or done."""
_TIMED_PAGES = {"index.html", "report.pdf", "cost-margin.pdf", "cost-margin.png"}
_TIMED_TEXTS = {"cost.csv", "cost.html", "cost.tex", "cost-margin.csv", "report.tex", "README.md"}
"""Files that tell when something ran, and how long it took."""
_TIMES_OF_RATINGS = ["seconds", "saved_at", "submitted_at"]
_TIMED_KEYS = {
    *("attempts", "device_seconds", "energy_joules", "kept_seconds", "peak_memory_bytes"),
    *("wall_seconds", "tokens", "comparisons", "pairs", "flops"),
}
"""Of ``training.json``: what a run used up, failed attempts included."""


def seeded(name: str) -> random.Random:
    """Source of choices; ``HPS_BENCH_FAULTS_SEED`` varies them all, and a failure shows it."""
    print(f"HPS_BENCH_FAULTS_SEED={SEED}")
    return random.Random(f"{SEED} {name}")


def config(repository: Path) -> dict[str, Any]:
    """The tiny config with every stage, shards and steps enough to be killed among them."""
    tiny: dict[str, Any] = yaml.safe_load((repository / TINY).read_text())
    tiny["name"] = RESULTS.name
    tiny["responses"] |= {"train_prompts": 6, "shard_prompts": 2, "test_samples": 4}
    tiny["training"] |= {"batch_size": 1, "checkpoint_steps": 1, "snapshots": 2}
    tiny["trajectory"] = {"experiments": ["fine-tuning"], "pairs": 2}
    tiny["tables"]["margins-normalised"] = ["fine-tuning"]
    tiny["judge"] = {"backend": "toy", "samples": 2}
    tiny["tables"]["table4"] = ["fine-tuning"]
    tiny["figures"] = {"training-curves": ["fine-tuning"], "cost-margin": ["fine-tuning"]}
    raters = {"prompts": 2, "raters": 2, "simulated": {}}
    tiny["study"] = {"experiment": "fine-tuning", "methods": ["hps"], **raters}
    tiny["theory"] = THEORY
    return tiny


class Run:
    """A folder in which the workflow runs, always by the same command.

    Args:
        repository: whose Snakefile and package run.
        folder: to run in.
    """

    def __init__(self, repository: Path, folder: Path) -> None:
        self.repository, self.folder = repository, folder
        self.results = folder / RESULTS
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(config(repository)))

    @property
    def log(self) -> str:
        """All that was printed so far."""
        return (self.folder / "log").read_text(errors="replace")

    def environment(self, **variables: str) -> dict[str, str]:
        """Variables of the processes of this run."""
        kept = {name: value for name, value in os.environ.items() if name not in INHERITED}
        return {**kept, "PYTHONPATH": os.fspath(self.repository), **variables}

    def start(
        self, *options: str, prefix: tuple[str, ...] = (), preload: bool = True, **variables: str
    ) -> subprocess.Popen[bytes]:
        """Start the command, in a session of its own."""
        command = [f"{BIN}/hps-bench", "preload", "--"] if preload else []
        command += [f"{BIN}/snakemake", "--cores", "2", "--configfile", "config.yaml"]
        command += ["--snakefile", f"{self.repository}/Snakefile", *options]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*prefix, *command],
                cwd=self.folder,
                env=self.environment(**variables),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def finish(self, *, runs: int = 1) -> int:
        """Run the command until it ends well, at most so often; return how often it took."""
        for number in range(1, runs + 1):
            process = self.start()
            try:
                code = process.wait(timeout=300)
            finally:
                kill_group(process)
            if code == 0:
                return number
        raise AssertionError(f"{runs} runs did not end well:\n{self.log[-6000:]}")


def differences(expected: Path, found: Path) -> list[str]:
    """Results that two results folders do not share; times and memory may differ."""
    ours, theirs = _contents(expected), _contents(found)
    return sorted(path for path in ours | theirs if ours.get(path) != theirs.get(path))


def _contents(results: Path) -> dict[str, Any]:
    paths = (path.relative_to(results) for path in results.rglob("*") if path.is_file())
    return {str(path): _normal(results / path, path) for path in paths if _is_result(path)}


def _is_result(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    apart = path.parts[0] in _APART or path.name.endswith("manifest.json")
    store = path.name in _STORE or path.suffix == ".lock"
    return not (hidden or apart or store)


def _normal(file: Path, path: Path) -> Any:
    """What must be equal of a file; of one that is damaged, everything."""
    try:
        return _without_times(file, path)
    except (ValueError, KeyError):
        return file.read_bytes()


def _without_times(file: Path, path: Path) -> Any:
    if path.name in _TIMED_PAGES:
        return path.name
    if path.name in _TIMED_TEXTS:
        return len(file.read_bytes().splitlines())
    if path.stem == "ratings":
        ratings = pd.read_csv(file) if path.suffix == ".csv" else pd.read_parquet(file)
        return ratings.drop(columns=_TIMES_OF_RATINGS).to_csv()
    if path.name == "metrics.jsonl":
        entries = map(json.loads, file.read_text().splitlines())
        return [(entry["step"], entry["metrics"]) for entry in entries]
    if path.name == "run.json":
        state = json.loads(file.read_text())
        return [state[name] for name in ("key", "status", "params", "artifacts")]
    if path.parts[0] == "policies" and path.name == "training.json":
        summary = json.loads(file.read_text())
        return {name: value for name, value in summary.items() if name not in _TIMED_KEYS}
    return file.read_bytes()
