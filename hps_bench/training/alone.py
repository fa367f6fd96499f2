"""One process, or one group of them, at a time for a training run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from hps_bench.training.processes import sum_values

if TYPE_CHECKING:
    from accelerate import Accelerator

LOG = logging.getLogger(__name__)


@contextmanager
def alone(folder: Path, output: Path, accelerator: Accelerator) -> Iterator[bool]:
    """Keep others out of a run's checkpoints and journal, after they have ended.

    A process may outlive the workflow that started it. The next one would write between its lines
    and do its work again. The kernel gives the lock up when a process ends, however it ends.

    Args:
        folder: of the run's checkpoints; the lock lies beside it.
        output: what a run writes last.
        accelerator: of this run, whose processes come here together.

    Yields:
        Whether another process has finished the run meanwhile.
    """
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    done = accelerator.is_main_process and _wait(lock, output)
    try:
        yield bool(sum_values({"done": float(done)}, accelerator)["done"])
    finally:
        lock.release()


def _wait(lock: FileLock, output: Path) -> bool:
    """Take the lock; whether the output was written by the one that had it."""
    Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
    before = _written(output)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        LOG.warning("%s: trained by a process of an earlier run; waits for its end", output.parent)
        lock.acquire()
        return _written(output) not in (None, before)
    return False


def _written(output: Path) -> int | None:
    """When it was written, nanoseconds; None where it is not there."""
    return output.stat().st_mtime_ns if output.exists() else None
