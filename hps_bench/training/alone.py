"""One process, or one group of them, at a time for a policy."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from hps_bench.training.interruption import Interruption
from hps_bench.training.processes import sum_values

if TYPE_CHECKING:
    from accelerate import Accelerator

LOG = logging.getLogger(__name__)

_ROUND_SECONDS = 1.0
"""Of waiting, after which the processes of a run meet, so that none gives the others up."""


@contextmanager
def alone(folder: Path, accelerator: Accelerator) -> Iterator[bool]:
    """Keep others from training a policy, after those that do have ended.

    A process may outlive the workflow that started it. The next one would write between the lines
    of its journal, and each over the other's policy.

    Args:
        folder: of the policy's checkpoints, whatever its settings; the lock lies there.
        accelerator: of this run, whose processes come here together.

    Yields:
        Whether there was another one.

    Raises:
        RunInterruptedError: a signal came while this one waited.
    """
    lock = _Lock(folder / ".lock") if accelerator.is_main_process else None
    try:
        yield _wait(lock, folder, accelerator)
    finally:
        if lock:
            lock.release()


def _wait(lock: _Lock | None, folder: Path, accelerator: Accelerator) -> bool:
    waited = False
    with Interruption() as interruption:
        while True:
            taken = bool(lock and lock.take(_ROUND_SECONDS if waited else 0.0))
            if sum_values({"taken": float(taken)}, accelerator)["taken"]:
                return waited
            if lock and not waited:
                LOG.warning("%s: a process of an earlier run trains; waits for its end", folder)
            waited = True
            interruption.check_all(accelerator)


class _Lock:
    """A lock of the kernel, which gives it up when a process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lock that is only a file would stay after SIGKILL, and be waited for without end.
        self._lock = FileLock(path, fallback_to_soft=False)

    def take(self, seconds: float) -> bool:
        """Try to take it for so long; where the file system has no locks, it counts as taken."""
        try:
            self._lock.acquire(timeout=seconds)
        except Timeout:
            return False
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
            LOG.warning("%s: no locks in this file system", self._lock.lock_file)
        return True

    def release(self) -> None:
        """Give it up, if it was taken."""
        self._lock.release()
