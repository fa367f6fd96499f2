"""The keeper with small servers of its own, polite and stubborn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from hps_bench.judge import keeper
from tests.processes import children, is_gone, wait_for

POLITE = "import time\nprint('up', flush=True)\ntime.sleep(60)"
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{POLITE}"
LEAVES_A_CHILD = (
    "import subprocess, sys\n"
    f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}])\n"
    "print(child.pid, flush=True)\nimport time\ntime.sleep(60)"
)


def _start(server: str, grace: float = 0.3) -> subprocess.Popen[str]:
    script = (
        "import sys; from hps_bench.judge import keeper\n"
        f"keeper.GRACE_SECONDS = {grace}; sys.exit(keeper.keep(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, sys.executable, "-c", server]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def _close(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.close()


def test_the_exit_code_is_the_servers() -> None:
    process = _start("import sys; sys.exit(7)")
    assert process.wait(10) == 7
    assert keeper.GRACE_SECONDS == 20


@pytest.mark.parametrize(
    ("server", "code"), [(POLITE, -signal.SIGTERM), (STUBBORN, -signal.SIGKILL)]
)
def test_a_server_ends_when_the_input_closes(server: str, code: int) -> None:
    process = _start(server)
    assert _line(process) == "up"
    [pid] = children(process.pid)
    _close(process)
    assert process.wait(10) == code % 256
    assert is_gone(pid)


def test_sigterm_to_the_keeper_ends_the_server() -> None:
    process = _start(POLITE)
    assert _line(process) == "up"
    [pid] = children(process.pid)
    process.terminate()
    process.wait(10)
    assert is_gone(pid)


@pytest.mark.parametrize("end", ["input", "server"])
def test_a_child_that_the_server_leaves_behind_is_ended(end: str) -> None:
    process = _start(LEAVES_A_CHILD)
    child = int(_line(process))
    [pid] = children(process.pid)
    if end == "input":
        _close(process)
    else:
        os.kill(pid, signal.SIGKILL)
    process.wait(10)
    wait_for(lambda: is_gone(child))


def test_a_server_ends_when_its_user_is_killed() -> None:
    user = (
        "import subprocess, sys, time\n"
        "keeper = subprocess.Popen([sys.executable, '-m', 'hps_bench.judge.keeper', sys.executable,"
        f" '-c', {POLITE!r}], stdin=subprocess.PIPE)\nprint(keeper.pid, flush=True)\ntime.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", user], stdout=subprocess.PIPE, text=True)
    kept = int(_line(process))
    assert _line(process) == "up"
    [pid] = children(kept)
    process.kill()
    process.wait(10)
    wait_for(lambda: is_gone(pid) and is_gone(kept))


def test_a_crash_is_known_at_once_whatever_the_grace() -> None:
    process = _start(LEAVES_A_CHILD, grace=60)
    child = int(_line(process))
    [pid] = children(process.pid)
    os.kill(pid, signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL % 256
    wait_for(lambda: is_gone(child))
