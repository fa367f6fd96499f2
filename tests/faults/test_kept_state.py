"""What stages keep for their retries, damaged: it is passed over, and the results are equal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.damage import DAMAGES
from tests.faults.jobs import Bench, Job
from tests.faults.runs import RESULTS, differences, seeded
from tests.faults.tally import SilentCorruptionError, injected

pytestmark = pytest.mark.faults

KEPT = {
    "responses": "responses/*/*/.*.shards-*/*.parquet",
    "rewards": "rewards/*/*/.*.shards-*/*.parquet",
    "reference": "reference/*/.store-*/*.parquet",
    "reference_test": "reference/*/.store-*/*.parquet",
    "train": "checkpoints/**/step-*.pt",
    "samples": "samples/*/*.parquet",
    "evaluate": "samples/*/*.parquet",
    "evaluate_baseline": "samples/*/*.parquet",
}
"""Shards, segments, checkpoints, samples: files below the results folder, by stage."""


@pytest.mark.parametrize("rule", KEPT)
@pytest.mark.parametrize("kind", DAMAGES)
def test_damaged_state(rule: str, kind: str, bench: Bench, tmp_path: Path) -> None:
    """Files that the stage kept when it was killed, one by one and then all together."""
    job, choices = bench.jobs[rule], seeded(f"state {rule} {kind}")
    kept = killed_late(bench, job, tmp_path)
    assert kept
    for damaged in [*([name] for name in kept[:3]), kept]:
        with injected([(job.stage, kind) for _ in damaged]):
            shutil.copytree(tmp_path / "killed", tmp_path / "again")
            for name in damaged:
                DAMAGES[kind](tmp_path / "again" / name, choices)
            check_repeated(bench, job, tmp_path, damaged)
        shutil.rmtree(tmp_path / "again")


def killed_late(bench: Bench, job: Job, tmp_path: Path) -> list[Path]:
    """Run a job and kill it where the first file that it puts out begins; what it has kept.

    The folder ``whole`` holds an undisturbed run of the job, ``killed`` the killed one.
    """
    changes = bench.changes(job, bench.copy(job, tmp_path / "whole"))
    files = [name for name in job.outputs if not (bench.run.folder / name).is_dir()]
    outputs = [Path(name).name for name in files]
    first = next(n for n, change in enumerate(changes) if any(o in change for o in outputs))
    killed = bench.copy(job, tmp_path / "killed")
    bench.kill_at(job, killed, first)
    return [path.relative_to(killed) for path in sorted((killed / RESULTS).glob(KEPT[job.rule]))]


def check_repeated(bench: Bench, job: Job, tmp_path: Path, damaged: Sequence[Path]) -> None:
    """The job ends well in the folder ``again``; a damaged file that nobody reads may stay."""
    result = bench.do(job, tmp_path / "again")
    assert result.returncode == 0, result.stderr
    wrong = {*differences(tmp_path / "whole" / RESULTS, tmp_path / "again" / RESULTS)}
    if wrong := wrong - {str(name.relative_to(RESULTS)) for name in damaged}:
        raise SilentCorruptionError(f"made from {damaged}: {sorted(wrong)}")
