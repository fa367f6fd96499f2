"""Processes of this machine, by what the kernel says of them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.busy_folder import matching


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for counts as ended."""
    fields = _stat(pid)
    return fields is None or fields[0] == "Z"


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    pids: list[int] = []
    for tasks in matching(Path(f"/proc/{pid}/task"), "*/children"):
        with suppress(OSError):
            pids += map(int, tasks.read_text().split())
    return pids


def group(leader: int) -> list[int]:
    """Processes of a group that have not ended."""
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    found = ((pid, _stat(pid)) for pid in pids)
    return [
        pid for pid, fields in found if fields and fields[0] != "Z" and fields[2] == str(leader)
    ]


def kill_group(leader: subprocess.Popen[bytes]) -> None:
    """``kill -9`` of all processes of a group; return when the last of it is gone."""
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
    wait_for(lambda: not group(leader.pid))


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: it does not within this time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _stat(pid: int) -> list[str] | None:
    """State, parent, group and further fields behind the command's name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
