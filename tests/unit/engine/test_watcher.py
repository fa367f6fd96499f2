"""Processes of an engine end with the process that started them, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hps_bench.engine.watcher import VARIABLE, watched
from tests.processes import is_gone, wait_for

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STAGE = """
import multiprocessing, sys, time
from hps_bench.engine.watcher import watched

if __name__ == "__main__":
    with watched():
        engine = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
        engine.start()
        open(sys.argv[1], "w").write(str(engine.pid))
        time.sleep(600)
"""


def test_what_is_left_is_ended_and_nothing_else() -> None:
    before = subprocess.Popen(SLEEP)
    with watched():
        inside = subprocess.Popen(SLEEP)
    assert inside.wait(10) == -signal.SIGKILL
    assert VARIABLE not in os.environ
    assert before.poll() is None
    before.kill()
    before.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_end_of_the_stage_ends_its_engine(number: signal.Signals, tmp_path: Path) -> None:
    script, note = tmp_path / "stage.py", tmp_path / "pid"
    script.write_text(STAGE)
    stage = subprocess.Popen([sys.executable, str(script), str(note)])
    wait_for(lambda: note.exists() and note.read_text(), 30)
    engine = int(note.read_text())
    assert not is_gone(engine)
    stage.send_signal(number)
    stage.wait(10)
    wait_for(lambda: is_gone(engine), 10)
