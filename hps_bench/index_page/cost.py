"""Time that the jobs of a run took, by rule, from Snakemake's benchmarks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RuleTime:
    """Jobs of one kind.

    Attributes:
        name: folder of ``benchmarks``, which is that of the rule.
        jobs: that have run, each counted once.
        seconds: wall time of all of them, one after another.
        longest: wall time of the slowest, in seconds.
    """

    name: str
    jobs: int
    seconds: float
    longest: float


def rule_times(results: Path) -> list[RuleTime]:
    """Times by rule, the most costly first."""
    folder = results / "benchmarks"
    seconds: dict[str, list[float]] = {}
    for file in sorted(folder.rglob("*.jsonl")):
        name = file.relative_to(folder).parts[0].removesuffix(".jsonl")
        seconds.setdefault(name, []).extend(_seconds(file))
    times = [RuleTime(name, len(of), sum(of), max(of)) for name, of in seconds.items() if of]
    return sorted(times, key=lambda time: -time.seconds)


def _seconds(file: Path) -> Iterator[float]:
    """Wall time of a job's last run; nothing where Snakemake could not measure it."""
    try:
        last = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])
        yield float(last["s"])
    except (ValueError, IndexError, KeyError, TypeError):
        return
