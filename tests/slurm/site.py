"""A copy of the repository on a cluster, and what its jobs do there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.workflow.repository import Repository

CLUSTER = Path(__file__).parent / "cluster"
POLLING = ("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "5")
"""A test cannot wait as long as a shared cluster should."""


@dataclass(frozen=True)
class Job:
    """One line of SLURM's accounting; a job that was requeued has several."""

    id: str
    rule: str
    wildcards: str
    state: str
    tres: str
    partition: str

    @property
    def gpus(self) -> str:
        """GPUs that were asked for, as text; empty for none."""
        asked = dict(part.split("=") for part in self.tres.split(",") if "=" in part)
        return asked.get("gres/gpu", "")


class Site:
    """The copy, with the profile edited as docs/cluster.md says."""

    def __init__(self, repository: Repository) -> None:
        self.folder = repository.folder
        self.repository = repository
        self.replace("profiles/slurm/profile.yaml", "my-account", "bench")
        home = self.folder / "home" / "snakemake"
        home.mkdir(parents=True)
        (home / "slurm").symlink_to(self.folder / "profiles" / "slurm")

    def replace(self, file: str, old: str, new: str) -> None:
        """Edit a file of the copy."""
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def start(self, *arguments: str, seconds_per_step: float = 0) -> subprocess.Popen[bytes]:
        """Start ``snakemake --profile slurm`` in a process group of its own."""
        command = [sys.executable, "-m", "snakemake", *arguments, "--profile", "slurm", *POLLING]
        variables = {
            "PYTHONPATH": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "home"),
            "SECONDS_PER_STEP": str(seconds_per_step),
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **variables},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def finish(self, process: subprocess.Popen[bytes], code: int = 0) -> None:
        """Wait for the end of a run."""
        assert process.wait(timeout=600) == code, self.output()[-5000:]

    @property
    def log(self) -> Path:
        """What all runs printed."""
        return self.folder / "log"

    def output(self) -> str:
        """Content of the log."""
        return self.log.read_text(errors="replace")


def jobs_since(start: float) -> list[Job]:
    """All jobs of workflows that were submitted since then, oldest first."""
    time.sleep(2)  # accounting is a little late
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(start))
    fields = "JobIDRaw,Comment,State,ReqTRES,Partition"
    command = ["sacct", "-X", "-a", "-n", "-P", "--duplicates", "-S", since, "-o", fields]
    found = []
    for line in run(*command).splitlines():
        number, comment, state, tres, partition = line.split("|")
        if comment.startswith("rule_"):
            rule, _, wildcards = comment.removeprefix("rule_").partition("_wildcards_")
            found.append(Job(number, rule, wildcards, state.split()[0], tres, partition))
    return found


def running(wildcards: str) -> list[str]:
    """Ids of running jobs whose comment ends so."""
    lines = run("squeue", "-h", "-t", "running", "-o", "%A|%k").splitlines()
    return [line.split("|")[0] for line in lines if line.endswith(wildcards)]


def wait_until(
    condition: Callable[[], object], process: subprocess.Popen[bytes], seconds: float = 180
) -> None:
    """Wait for something while a run lasts."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the run has ended"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def run(*command: str) -> str:
    """Output of a command that succeeds."""
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
