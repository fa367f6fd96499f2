"""What happens to jobs on a cluster costs time, and nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from hps_bench.records import read_json
from tests.busy_folder import matching
from tests.processes import kill_group
from tests.slurm.site import CLUSTER, Job, Site, jobs_since, run, running, wait_until
from tests.workflow.repository import TINY, Repository

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("cluster")]

CONFIG = "faults.yaml"
RESULTS = Path("results/faults")
STEP = 0.05
LIMITED, CANCELLED, PREEMPTED, DEAD, LEFT = range(5)
"""Seeds of the policies, by what happens to their jobs."""


def site_of(folder: Path) -> Site:
    """A copy, with a config of trainings that last long enough to be disturbed."""
    made = Site(Repository(folder))
    values = yaml.safe_load((folder / TINY).read_text())
    values["name"] = RESULTS.name
    values["responses"]["train_prompts"] = 24
    values["plan"] = {"epochs": 25}
    values["training"] |= {"batch_size": 1, "checkpoint_steps": 25, "limit_margin_seconds": 20}
    rewards = ("slow", "broken")
    values["losses"] = {name: {"file": f"tests/slurm/{name}.py"} for name in rewards}
    experiment = values["experiments"].pop("fine-tuning")
    values["experiments"] = {
        "disturbed": {**experiment, "rewards": ["slow"], "seeds": list(range(5))},
        "failing": {**experiment, "rewards": ["broken"], "seeds": [0]},
    }
    values["tables"] = {"cost": ["disturbed", "failing"]}
    (folder / CONFIG).write_text(yaml.safe_dump(values))
    return made


def policy(seed: int, reward: str = "slow") -> str:
    return f"policies/toy-dialogue/{reward}-hps/n4-b0.1-s{seed}"


def summary(seed: int, reward: str = "slow") -> str:
    return str(RESULTS / policy(seed, reward) / "training.json")


def wildcards(seed: int) -> str:
    return f"toy-dialogue_slow_hps_4_0.1_{seed}"


def attempts(site: Site, seed: int) -> int:
    return int(read_json(site.folder / summary(seed))["attempts"])


def weights(site: Site, seed: int) -> bytes:
    return (site.folder / RESULTS / policy(seed) / "adapter_model.safetensors").read_bytes()


def has_checkpoint(site: Site, seed: int) -> bool:
    folder = site.folder / RESULTS / policy(seed).replace("policies", "checkpoints")
    return bool(matching(folder, "*/step-*.pt"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Where all slow policies were trained without a cluster, and nothing happened to them."""
    site = site_of(tmp_path_factory.mktemp("undisturbed"))
    command = ["snakemake", *map(summary, range(5)), "--cores", "2", "--configfile", CONFIG]
    result = site.repository.run("hps_bench", "preload", "--", *command)
    assert result.returncode == 0, result.stdout + result.stderr
    return site


@pytest.fixture(scope="module")
def site(undisturbed: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The same, before any policy was trained."""
    made = site_of(tmp_path_factory.mktemp("disturbed"))
    not_yet = shutil.ignore_patterns("policies", "tracking", "logs", "benchmarks")
    shutil.copytree(undisturbed.folder / RESULTS, made.folder / RESULTS, ignore=not_yet)
    return made


@pytest.fixture(scope="module")
def disturbed(site: Site) -> list[Job]:
    """Accounts of a run in which one job after another is disturbed, and one always fails."""
    site.replace(
        "profiles/default/profile.yaml",
        'runtime: "2880 * min(attempt, 2)"}',
        f"runtime: \"1 if wildcards.seed == '{LIMITED}' and attempt == 1 else 30\", "
        f"slurm_partition: \"'cancelled' if wildcards.seed == '{PREEMPTED}' else 'gpu'\"}}",
    )
    start = time.time()
    targets = [*map(summary, (LIMITED, CANCELLED, PREEMPTED)), summary(0, "broken")]
    options = ("--configfile", CONFIG, "--jobs", "4", "--retries", "2")
    process = site.start(*targets, *options, seconds_per_step=STEP)
    wait_until(lambda: has_checkpoint(site, CANCELLED), process)
    run("scancel", *running(wildcards(CANCELLED)))
    wait_until(lambda: has_checkpoint(site, PREEMPTED), process)
    preempt(wildcards(PREEMPTED), process)
    site.finish(process, code=1)
    return jobs_since(start)


def preempt(comment: str, process: subprocess.Popen[bytes]) -> None:
    """Have a job that comes before this one take more CPUs than the node has left."""
    (job,) = running(comment)

    def is_preempted() -> bool:
        used = int(run("scontrol", "show", "node", "-o").split("CPUAlloc=")[1].split()[0])
        asked = ("-p", "gpu", "-A", "bench", "-t", "1", "--mem", "100", "-c", str(64 - used + 8))
        subprocess.run(["srun", "-Q", *asked, "--immediate=20", "true"], timeout=60)
        return "PREEMPTED" in run("squeue", "-h", "-t", "all", "-j", job, "-o", "%T")

    wait_until(is_preempted, process)


def states(jobs: list[Job], seed: int) -> list[str]:
    return [job.state for job in jobs if job.wildcards == wildcards(seed)]


def test_a_job_at_its_time_limit_is_warned_and_ends_at_the_second_attempt(
    site: Site, undisturbed: Site, disturbed: list[Job]
) -> None:
    assert states(disturbed, LIMITED) == ["FAILED", "COMPLETED"]
    assert attempts(site, LIMITED) == 2
    assert "SIGUSR1 received after step" in slurm_logs(site)
    assert weights(site, LIMITED) == weights(undisturbed, LIMITED)


def slurm_logs(site: Site) -> str:
    paths = (site.folder / ".snakemake" / "slurm_logs").rglob("*.log")
    return "\n".join(path.read_text(errors="replace") for path in paths)


def test_the_second_attempt_asks_for_more(disturbed: list[Job]) -> None:
    asked = [job.tres for job in disturbed if job.wildcards == wildcards(LIMITED)]
    assert ["mem=62.50G" in asked[0], "mem=125G" in asked[1]] == [True, True], asked


def test_scancel_is_noticed(site: Site, undisturbed: Site, disturbed: list[Job]) -> None:
    assert states(disturbed, CANCELLED) == ["CANCELLED", "COMPLETED"]
    assert attempts(site, CANCELLED) == 2
    assert weights(site, CANCELLED) == weights(undisturbed, CANCELLED)


def test_preemption_without_requeue_is_noticed(
    site: Site, undisturbed: Site, disturbed: list[Job]
) -> None:
    assert states(disturbed, PREEMPTED) == ["PREEMPTED", "COMPLETED"]
    assert attempts(site, PREEMPTED) == 2
    assert weights(site, PREEMPTED) == weights(undisturbed, PREEMPTED)


def test_a_job_that_always_fails_stops_no_other(site: Site, disturbed: list[Job]) -> None:
    broken = [job.state for job in disturbed if "_broken_" in job.wildcards]
    assert broken == ["FAILED"] * 3
    assert not (site.folder / summary(0, "broken")).exists()
    assert "Some jobs failed; finished ones are kept in results/faults" in site.output()


@pytest.mark.usefixtures("disturbed")
def test_a_dead_node_is_survived(site: Site, undisturbed: Site) -> None:
    """``kill -9`` of everything that the node runs; SLURM starts the job again by itself."""
    start = time.time()
    process = site.start(summary(DEAD), "--configfile", CONFIG, seconds_per_step=STEP / 2)
    wait_until(lambda: has_checkpoint(site, DEAD), process)
    kill_node()
    wait_until(lambda: "down" in run("sinfo", "-h", "-o", "%T"), process)
    subprocess.run([CLUSTER, "node"], check=True, timeout=120)
    site.finish(process)
    assert states(jobs_since(start), DEAD)[-1] == "COMPLETED"
    assert attempts(site, DEAD) == 2
    assert weights(site, DEAD) == weights(undisturbed, DEAD)


def kill_node() -> None:
    """The node's daemon, the keepers of its jobs, and all processes of its jobs."""
    jobs = [line.split()[0] for line in run("scontrol", "listpids").splitlines()[1:]]
    keepers = run("pgrep", "-x", "slurmd|slurmstepd").split()
    for process in [*keepers, *jobs]:
        with suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)


@pytest.mark.usefixtures("disturbed")
def test_jobs_of_a_killed_run_are_found_and_cancelled(site: Site, undisturbed: Site) -> None:
    arguments = (summary(LEFT), "--configfile", CONFIG)
    killed = site.start(*arguments, seconds_per_step=STEP)
    wait_until(lambda: has_checkpoint(site, LEFT), killed)
    kill_group(killed)
    (job,) = running(wildcards(LEFT))
    site.finish(site.start(*arguments), code=2)
    said = "1 jobs of a killed run are still in SLURM's queue and would write the same files"
    assert f"{said} ({job})" in site.output()
    cancelled = site.repository.run("hps_bench", "cancel", CONFIG)
    assert (cancelled.returncode, cancelled.stdout) == (0, f"cancelled: {job}\n")
    assert run("squeue", "-h") == ""
    site.finish(site.start(*arguments))
    assert attempts(site, LEFT) == 2
    assert weights(site, LEFT) == weights(undisturbed, LEFT)
    again = site.repository.run("hps_bench", "cancel", CONFIG)
    assert again.stdout == "no job is left in the queue\n"
