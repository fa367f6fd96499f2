"""A clock that jumps, and files whose times it has set."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from subprocess import Popen

import pytest

from tests.faults.damage import shift_time
from tests.faults.jobs import Bench
from tests.faults.runs import Run, differences, seeded
from tests.faults.stage_processes import stages
from tests.faults.tally import Fault, injected
from tests.processes import kill_group, wait_for

pytestmark = pytest.mark.faults


def test_files_of_another_time(bench: Bench, finished: Run) -> None:
    """Every other file is of a time up to a year ago or ahead; half of the outputs are gone."""
    choices, faults = seeded("times"), list[Fault]()
    with injected(faults):
        for job in bench.all_jobs:
            shifted = [name for name in job.outputs if choices.random() < 0.5]
            for name in shifted:
                shift_time(finished.folder / name, choices)
            faults += [(job.stage, "clock")] * len(shifted)
            if choices.random() < 0.5:
                job.remove_outputs(finished.folder)
        finished.finish()
        assert differences(bench.run.results, finished.results) == []


@pytest.mark.skipif(not shutil.which("faketime"), reason="needs faketime")
def test_clock_jumps(run: Run, undisturbed: Run) -> None:
    """A year ahead in the middle of a run that is killed, then two years back, then right.

    What a run does under such a clock is its own affair; then its results are as ever.
    """
    faults: list[Fault] = []
    with injected(faults):
        for jump, command in (("+365d", "responses"), ("-365d", "train"), ("+1d", "evaluate")):
            process = run.start(prefix=("faketime", "--exclude-monotonic", "-f", jump))
            try:
                wait_for_stage(process, command)
            finally:
                kill_group(process)
            faults.append((command, "clock"))
        assert is_ahead(run.results)
        run.finish()
        assert differences(undisturbed.results, run.results) == []


def wait_for_stage(process: Popen[bytes], command: str) -> None:
    """Until a stage runs, or the run has ended without it."""

    def there() -> bool:
        running = {stage.command for stage in stages(process.pid)}
        return process.poll() is not None or command in running

    wait_for(there, 60)


def is_ahead(folder: Path) -> bool:
    """Whether a file is dated into the future."""
    now = time.time()
    return any(path.lstat().st_mtime > now + 60 for path in folder.rglob("*"))
