"""A disk that is full or read-only: one line, and once that is mended the same results."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.jobs import RULES, Bench, Job
from tests.faults.runs import RESULTS, Run, differences, seeded
from tests.faults.tally import injected
from tests.processes import kill_group

pytestmark = pytest.mark.faults

ROOMY = 512 * 2**20
FILLS = 2
"""How often the disk is full in the life of a stage, each time at another byte."""


class Disk:
    """A file system in memory.

    Args:
        place: where it is mounted.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        _mount("-t", "tmpfs", "-o", f"size={ROOMY}", "tmpfs", str(place))

    @property
    def used(self) -> int:
        """Bytes in use."""
        state = os.statvfs(self.place)
        return (state.f_blocks - state.f_bfree) * state.f_frsize

    def remount(self, *options: str) -> None:
        """Change its size, or whether it can be written."""
        _mount("-o", ",".join(["remount", *options]), str(self.place))

    def leave(self, bytes_free: int) -> None:
        """Make it so small that only so much can still be written."""
        self.remount(f"size={self.used + bytes_free}")


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    place = tmp_path / "disk"
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", place], capture_output=True)


@pytest.mark.parametrize("rule", RULES)
def test_disk_fills_up(rule: str, bench: Bench, disk: Disk, tmp_path: Path) -> None:
    job, choices = bench.jobs[rule], seeded(f"full {rule}")
    expected = bench.copy(job, tmp_path / "expected")
    bench.changes(job, expected)
    before = _used_by(bench, job, disk)
    for _ in range(FILLS):
        folder = bench.copy(job, disk.place / "run")
        with injected([(job.stage, "disk full")]):
            disk.leave(choices.randrange(before))
            check_one_line(bench, job, folder)
            disk.remount(f"size={ROOMY}")
            check_mended(bench, job, folder, expected)


@pytest.mark.parametrize("rule", RULES)
def test_disk_is_read_only(rule: str, bench: Bench, disk: Disk, tmp_path: Path) -> None:
    job = bench.jobs[rule]
    expected = bench.copy(job, tmp_path / "expected")
    bench.changes(job, expected)
    folder = bench.copy(job, disk.place / "run")
    with injected([(job.stage, "read-only")]):
        disk.remount("ro")
        check_one_line(bench, job, folder)
        disk.remount("rw")
        check_mended(bench, job, folder, expected)


def _used_by(bench: Bench, job: Job, disk: Disk) -> int:
    """Bytes that a job takes from the disk before it ends."""
    folder = bench.copy(job, disk.place / "run")
    before = disk.used
    bench.changes(job, folder)
    return max(disk.used - before, 4096)


def check_one_line(bench: Bench, job: Job, folder: Path) -> None:
    """Exit code 2, and the last line says why; what was logged before it may stand there, too."""
    result = bench.do(job, folder)
    if result.returncode == 0:  # it needed no more than was left
        return
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("hps-bench: "), result.stderr
    assert "; mend that and run the same command" in last, result.stderr


def check_mended(bench: Bench, job: Job, folder: Path, expected: Path) -> None:
    result = bench.do(job, folder)
    assert result.returncode == 0, result.stderr
    assert differences(expected / RESULTS, folder / RESULTS) == []


def test_disk_of_a_whole_run_fills_up(disk: Disk, undisturbed: Run) -> None:
    """Snakemake's own folder lies there, too; the disk grows by and by."""
    run, choices = Run(undisturbed.repository, disk.place / "run"), seeded("whole run full")
    for _ in range(3):
        with injected([("workflow", "disk full")]):
            disk.leave(choices.randrange(2**10, 2**20))
            process = run.start()
            code = process.wait(timeout=300)
            kill_group(process)
            disk.remount(f"size={ROOMY}")
            assert code != 0
    run.finish()
    assert differences(undisturbed.results, run.results) == []
