"""Single jobs of the workflow, run by hand with the very command that the workflow ran."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from hps_bench.cell import Cell
from hps_bench.integrity import DECISIVE, SEAL
from hps_bench.preload import VARIABLE
from hps_bench.records import write_json
from tests.faults.crashing import CHANGES, KILL_AT
from tests.faults.runs import BIN, RESULTS, Run
from tests.faults.stage_processes import COMMANDS

RULES = (
    *("prompts", "tokenizer", "language_model", "reward_model", "responses", "rewards", "plan"),
    *("reference", "reference_test", "train", "samples", "evaluate", "evaluate_baseline"),
    "trajectory",
    *("judge", "study", "study_simulate", "study_analyse", "theory", "table"),
    *("paper_comparison", "figure", "report", "cards", "index"),
)
"""Rules that run a command on files; ``track`` has tests of its own."""

KEPT_STATE = {
    "reference": "reference/*/.store-*/*.parquet",
    "reference_test": "reference/*/.store-*/*.parquet",
    "samples": "samples/*/*.parquet",
    "evaluate": "samples/*/*.parquet",
    "evaluate_baseline": "samples/*/*.parquet",
}
"""What a stage keeps beside its outputs for other jobs and for its own retries."""

_CRASHING = Path(__file__).with_name("crashing.py")


@dataclass(frozen=True)
class Job:
    """A job of the undisturbed run; paths are relative to the folder of a run."""

    rule: str
    arguments: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def stage(self) -> str:
        """Its command; several rules may run one."""
        return next(argument for argument in self.arguments if argument in COMMANDS)

    def consumed(self, folder: Path) -> list[str]:
        """Inputs, and what the stage reads beside an input that stands for a whole folder."""
        beside = {
            str(path.relative_to(folder))
            for name in self.inputs
            for pattern in _patterns_beside(Path(name))
            for path in (folder / name).parent.glob(pattern)
        }
        within = {
            str(path.relative_to(folder))
            for name in self.inputs
            for pattern in DECISIVE
            for path in (folder / name).rglob(pattern)
            if path.parent.name != SEAL
        }
        files = {name for name in self.inputs if not (folder / name).is_dir()}
        return sorted(beside | within | files)

    def remove_outputs(self, folder: Path) -> None:
        """Do what Snakemake does before and after a failed run of the job."""
        for name in self.outputs:
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)

    def state(self, folder: Path) -> list[Path]:
        """Files that its stage keeps beside the outputs, sorted."""
        pattern = KEPT_STATE.get(self.rule)
        found = (folder / RESULTS).glob(pattern) if pattern else ()
        return sorted(path for path in found if path.is_file())

    def written(self, folder: Path) -> list[str]:
        """Outputs that are there."""
        return [name for name in self.outputs if (folder / name).exists()]


class Bench:
    """Runs jobs in copies of an undisturbed run, forked by a server as under ``preload``.

    Args:
        undisturbed: a run that has ended.
    """

    def __init__(self, undisturbed: Run) -> None:
        self.run = undisturbed

    def __enter__(self) -> Self:
        """Start the server."""
        says = f"echo ${VARIABLE}; exec cat"
        command = [sys.executable, str(_CRASHING), "preload", "--", "bash", "-c", says]
        pipe = subprocess.PIPE
        self._server = subprocess.Popen(
            command, env=self.run.environment(), stdin=pipe, stdout=pipe, text=True
        )
        assert self._server.stdout
        self._socket = self._server.stdout.readline().strip()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the server: its command ends with its input."""
        self._server.communicate(timeout=30)

    def copy(self, job: Job, folder: Path) -> Path:
        """A new folder in which all is done but the job, also what it keeps beside its outputs."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copytree(self.run.results, folder / RESULTS, symlinks=True)
        job.remove_outputs(folder)
        for path in job.state(folder):
            path.unlink()
        return folder

    def do(
        self, job: Job, folder: Path, prefix: Sequence[str] = (), **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a job's command."""
        environment = self.run.environment(**{VARIABLE: self._socket, **variables})
        command = [*prefix, sys.executable, str(_CRASHING), *job.arguments]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
        )

    def changes(self, job: Job, folder: Path) -> list[str]:
        """Run a job, undisturbed, and list its changes to files."""
        changes = folder / "changes"
        result = self.do(job, folder, **{CHANGES: str(changes)})
        assert result.returncode == 0, result.stderr
        return changes.read_text().splitlines()

    def kill_at(self, job: Job, folder: Path, change: int) -> None:
        """Run a job and have it killed before one of its changes."""
        result = self.do(job, folder, **{KILL_AT: str(change)})
        assert result.returncode in (-9, 1), result.stderr
        assert "Traceback" not in result.stderr, result.stderr

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """One job of every stage, by rule."""
        found = {job.rule: job for job in reversed(self.all_jobs)}
        return {**found, "samples": self._samples_job(found["evaluate"])}

    @cached_property
    def all_jobs(self) -> list[Job]:
        """Jobs that ran a command on files, in the order of Snakemake's summary."""
        return list(dict.fromkeys(self._summary()))

    def _summary(self) -> Iterator[Job]:
        command = [f"{BIN}/snakemake", "--detailed-summary", "--configfile", "config.yaml"]
        command += ["--snakefile", f"{self.run.repository}/Snakefile"]
        table = subprocess.run(
            command,
            cwd=self.run.folder,
            env=self.run.environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        rows = [line.split("\t") for line in table.splitlines()[1:]]
        outputs: dict[str, list[str]] = {}
        for row in rows:
            outputs.setdefault(row[3], []).append(row[0])
        for row in rows:
            if logged := re.search(r"^\+ hps-bench (.*)$", self._log(row[3]), re.M):
                inputs = tuple(row[4].split(","))
                yield Job(row[2], (*shlex.split(logged[1]),), inputs, (*outputs[row[3]],))

    def _log(self, name: str) -> str:
        return (self.run.folder / name).read_text()

    def _samples_job(self, evaluate: Job) -> Job:
        """Samples of the evaluated policies, which the workflow draws together only by vLLM."""
        cells = [
            Cell("dpo", "hps", "toy-dialogue", "toy-dialogue", 4, 0.1, 0),
            Cell("sppo", "hps", "toy-dialogue", "toy-dialogue", 4, 0.1, 0),
        ]
        job = f"{RESULTS}/settings/samples.json"
        described = {"evaluated_on": "toy-dialogue", "cells": [vars(cell) for cell in cells]}
        write_json(self.run.folder / job, described)
        options = dict(zip(evaluate.arguments[3::2], evaluate.arguments[4::2], strict=True))
        kept = ("--settings", "--engine", "--gpus", "--prompts", "--results")
        output = f"{RESULTS}/samples/toy-dialogue/fine-tuning.json"
        arguments = ["--threads", "1", "samples", "--job", job, "--output", output]
        for name in kept:
            arguments += [name, options[name]]
        read = ("settings/", "prompts/", "models/", "policies/")
        inputs = (job, *(name for name in evaluate.inputs if name.startswith(_under(read))))
        return Job("samples", (*arguments,), inputs, (output,))


def _patterns_beside(name: Path) -> tuple[str, ...]:
    if name.name in ("tokenizer.json", "model.safetensors") or "policies" in name.parts:
        return DECISIVE
    return {"evaluation.json": ("records.parquet",), "scores.parquet": ("summary.json",)}.get(
        name.name, ()
    )


def _under(folders: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{os.fspath(RESULTS)}/{folder}" for folder in folders)
