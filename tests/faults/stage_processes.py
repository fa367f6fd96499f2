"""Which process of a run does what, and kills of each."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from tests.processes import group

COMMANDS = {
    *("prompts", "tokenizer", "model", "responses", "rewards", "plan", "reference", "train"),
    *("trajectory", "samples", "evaluate", "baseline", "judge", "study", "theory", "table"),
    *("compare-paper", "figure", "report", "cards", "index", "track"),
}
"""Commands of the stages."""
WITHOUT_VLLM = COMMANDS - {"samples"}
"""Those that the workflow runs at tiny scale."""

_FIRST_SECONDS = 0.1
"""Within which the first process of a command is killed: it may be the only one, and be quick."""


@dataclass(frozen=True)
class StageProcess:
    """A process that was started as a stage; under ``preload`` another one does its work.

    Attributes:
        pid: of the process.
        command: name of the stage's command.
    """

    pid: int
    command: str

    def kill(self) -> bool:
        """Kill it; whether it was still there."""
        return _kill(self.pid)

    def kill_worker(self) -> bool:
        """Kill the process that does the work: the forked one that prints where this one does."""
        streams = _output(self.pid)
        others = [pid for pid in group(os.getpgid(self.pid)) if pid != self.pid]
        workers = [pid for pid in others if b"preload" in _words(pid) and _output(pid) == streams]
        return [_kill(pid) for pid in workers or [self.pid]].count(True) > 0


def stages(session: int) -> Iterator[StageProcess]:
    """Stages that run in a session."""
    for pid in group(session):
        words = _words(pid)
        if len(words) > 2 and words[1].endswith(b"/hps-bench") and b"preload" not in words:
            named = [word.decode() for word in words[2:] if word.decode() in COMMANDS]
            if named:
                yield StageProcess(pid, named[0])


def snakemake(session: int) -> int:
    """The process of Snakemake in a session."""
    for pid in group(session):
        words = _words(pid)
        if len(words) > 1 and words[1].endswith(b"/snakemake") and pid != session:
            return pid
    return session


def wait_for_any(process: Popen[bytes], commands: set[str]) -> str:
    """The first of these commands that runs."""
    while process.poll() is None:
        for stage in stages(process.pid):
            if stage.command in commands:
                return stage.command
        time.sleep(0.005)
    raise AssertionError(f"the run has ended without {sorted(commands)}")


@dataclass
class Assassin:
    """Kills stages of a run at moments of their lives that are drawn with the seed.

    Attributes:
        session: of the run.
        choices: draws the moments.
        times: how often each command is killed.
        seconds: how long a command takes at most.
        killed: commands that were killed, in order.
    """

    session: int
    choices: random.Random
    times: int
    seconds: float
    killed: list[str] = field(default_factory=list)
    _due: dict[StageProcess, float] = field(default_factory=dict)

    def look(self) -> None:
        """Condemn stages that have started, and kill those whose moment has come."""
        now = time.monotonic()
        for process in stages(self.session):
            if process not in self._due:
                first = process.command not in {of.command for of in self._due}
                seconds = _FIRST_SECONDS if first else self.seconds
                self._due[process] = now + self.choices.uniform(0, seconds)
            if now >= self._due[process] and self.killed.count(process.command) < self.times:
                self._due[process] = float("inf")
                kill = self.choices.choice((process.kill, process.kill_worker))
                with suppress(ProcessLookupError):
                    self.killed += [process.command] if kill() else []


def _kill(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def _words(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []


def _output(pid: int) -> str:
    with suppress(OSError):
        return str(Path(f"/proc/{pid}/fd/1").readlink())
    return ""
