"""A second run in the same folder is refused, whenever it comes, and harms nothing."""

from __future__ import annotations

import time

import pytest

from tests.faults.runs import Run, differences, seeded
from tests.faults.tally import Fault, injected
from tests.processes import kill_group

pytestmark = pytest.mark.faults

REFUSAL = "hps-bench: results/faults: another run is writing here; wait for it or end it"


def test_second_run_is_refused(run: Run, undisturbed: Run) -> None:
    choices, faults = seeded("two runs"), list[Fault]()
    with injected(faults):
        first = run.start()
        try:
            while not (run.results / ".running.lock").exists():
                time.sleep(0.01)
            while first.poll() is None:
                time.sleep(choices.uniform(0, 2))
                code = run.start().wait(timeout=120)
                if code == 0:  # it had nothing to do, so the first one had just ended
                    break
                assert code == 2, run.log[-6000:]
                faults.append(("workflow", "second run"))
            assert first.wait(timeout=10) == 0, run.log[-6000:]
        finally:
            kill_group(first)
        assert run.log.count(REFUSAL) == len(faults) > 1
        assert differences(undisturbed.results, run.results) == []


def test_runs_that_start_together(run: Run, undisturbed: Run) -> None:
    """One of them writes, and the others are refused."""
    with injected([("workflow", "second run")] * 2):
        processes = [run.start() for _ in range(3)]
        codes = sorted(process.wait(timeout=300) for process in processes)
        assert codes == [0, 2, 2], run.log[-6000:]
        assert differences(undisturbed.results, run.results) == []
