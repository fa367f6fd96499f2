"""``kill -9`` of stages, of Snakemake and of everything: the same command ends as undisturbed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from subprocess import Popen

import pytest

from tests.faults.runs import Run, differences, seeded
from tests.faults.stage_processes import WITHOUT_VLLM, Assassin, snakemake, wait_for_any
from tests.faults.tally import Fault, injected
from tests.processes import kill_group

pytestmark = pytest.mark.faults

KILLS = 2
"""Of each stage's command in a run."""


def test_stages_are_killed(run: Run, undisturbed: Run) -> None:
    """The process that the job has started, or the forked one that works for it; then retried."""
    faults: list[Fault] = []
    process = run.start("--retries", "50")
    assassin = Assassin(process.pid, seeded("stages"), times=KILLS, seconds=1.2)
    with injected(faults):
        try:
            while process.poll() is None:
                assassin.look()
                time.sleep(0.002)
        finally:
            kill_group(process)
            faults += [(command, "stage killed") for command in assassin.killed]
        assert process.returncode == 0, run.log[-6000:]
        assert {*assassin.killed} == WITHOUT_VLLM
        assert differences(undisturbed.results, run.results) == []


def kill_snakemake(process: Popen[bytes]) -> None:
    """Snakemake alone: its jobs go on for as long as they like."""
    os.kill(snakemake(process.pid), signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize(
    ("kind", "kill", "preload", "stages"),
    [
        ("snakemake killed", kill_snakemake, True, 10),
        ("everything killed", kill_group, True, len(WITHOUT_VLLM)),
        ("everything killed", kill_group, False, 2),
    ],
)
def test_run_is_killed_again_and_again(
    kind: str,
    kill: Callable[[Popen[bytes]], None],
    preload: bool,
    stages: int,
    run: Run,
    undisturbed: Run,
) -> None:
    """While each of some stages runs, or has just ended; each time the command is run again."""
    choices, faults = seeded(f"runs {kind} {preload}"), list[Fault]()
    waiting = set(choices.sample(sorted(WITHOUT_VLLM), stages))
    with injected(faults):
        while waiting:
            process = run.start(preload=preload)
            try:
                command = wait_for_any(process, waiting)
                time.sleep(choices.uniform(0, 0.8))
                kill(process)
            finally:
                if kill is not kill_snakemake:
                    kill_group(process)
            faults.append((command, kind))
            waiting.remove(command)
        run.finish()
        assert differences(undisturbed.results, run.results) == []
