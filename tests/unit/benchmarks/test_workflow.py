"""Copies, stand-ins and tables of the benchmark of the workflow; whole runs on the least grid."""

import cProfile
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.workflow import light
from benchmarks.workflow.__main__ import main
from benchmarks.workflow.checkout import STAND_IN, job_count
from benchmarks.workflow.grids import GRIDS, sizes
from benchmarks.workflow.planning import finish, shares
from benchmarks.workflow.report import markdown
from benchmarks.workflow.timing import CommandError, Run, timed

CASES = {
    "--grid papr": "--grid: no grid 'papr'; did you mean 'paper'?",
    "--finish ten": "--finish: no grid 'ten'; did you mean 'tenfold'?",
    "--rounds 0": "--rounds 0: give 1 or more",
    "--cores 0": "--cores 0: give 1 to ",
}


@pytest.mark.parametrize("arguments", CASES)
def test_wrong_input_is_one_line(
    arguments: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments.split(), "--output", str(tmp_path / "r.json")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {CASES[arguments]}")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_grids_have_the_policies_that_the_paper_config_implies(tmp_path: Path) -> None:
    """By hand, for s seeds.

    The matrix has 5 rewards, 3 methods, 2 data sets and 4 numbers of responses, 120 policies;
    table 8 adds 2 methods at 4 other β, 8. Evaluations: one of each, and transfer of 30 of the
    matrix and of table 7's 8, two of which (n = 100 on hh-rlhf) are among the 30.
    """
    for name, seeds in {"paper": 3, "five-seeds": 5, "tenfold": 30}.items():
        expected = {"policies": 128 * seeds, "evaluations": (128 + 36) * seeds}
        assert sizes(GRIDS[name].write(tmp_path)) == expected
    assert sizes(GRIDS["least"].write(tmp_path)) == {"policies": 1, "evaluations": 1}


def test_memory_is_the_command_s_own(tmp_path: Path) -> None:
    """This process is larger than Python's 10 MiB, and 64 MiB more are seen."""
    small, large = (
        timed((sys.executable, "-c", f"bytearray({size} << 20)"), tmp_path, os.environ)
        for size in (0, 64)
    )
    assert small.peak_mib < 30
    assert 60 < large.peak_mib - small.peak_mib < 70


def test_a_command_that_fails_is_told_with_its_last_line(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import sys; print('one'); sys.exit('two')")
    with pytest.raises(CommandError, match=r"exit code 1 \(two\)$"):
        timed(command, tmp_path, os.environ)


@pytest.mark.parametrize(
    ("output", "jobs"),
    [
        ("job    count\n-----  -----\nplan   12\ntotal  13\n", 13),
        ("Building DAG of jobs...\nNothing to be done (all requested files are present).\n", 0),
    ],
)
def test_number_of_jobs(output: str, jobs: int) -> None:
    assert job_count(Run(0.0, 0.0, output)) == jobs


def test_silence_is_no_number_of_jobs() -> None:
    with pytest.raises(CommandError, match="names no number of jobs"):
        job_count(Run(0.0, 0.0, "Building DAG of jobs...\n"))


def test_shares_of_a_profile(tmp_path: Path) -> None:
    """A Snakefile that takes as long as its rule's function: half of the time each."""
    work = "sum(range(3_000_000))"
    (tmp_path / "caller.py").write_text("def call(function):\n    return function()\n")
    load = compile(work, str(tmp_path / "Snakefile"), "exec")
    function = eval(compile(f"lambda: {work}", str(tmp_path / "plan.smk"), "eval"))
    caller: dict[str, Any] = {}
    code = (tmp_path / "caller.py").read_text()
    exec(compile(code, str(tmp_path / "caller.py"), "exec"), caller)
    profiler = cProfile.Profile()
    profiler.runcall(exec, load)
    profiler.runcall(caller["call"], function)
    profiler.dump_stats(tmp_path / "profile")
    found = shares(tmp_path / "profile")
    assert found["loading"] == pytest.approx(0.5, abs=0.2)
    assert found["functions"] == pytest.approx(0.5, abs=0.2)
    assert sum(found.values()) <= 1.0


def test_a_stage_without_stand_in_says_so() -> None:
    command = (str(STAND_IN), "--threads", "1", "dream", "--output", "x")
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (2, "hps-bench: no stand-in for dream\n")


def test_what_is_done_is_up_to_date() -> None:
    """43 jobs: 19 settings (prompts, 2 responses, rewards, plan, reference, training, evaluation,
    samples, trajectory, study, theory, table, figure, comparison, report, cards, page, tracking),
    and one each of prompts, plan, reference, reference_test, train, samples, samples_ready,
    evaluate, evaluate_baseline, trajectory, study, theory, table, figure, paper_comparison,
    report, cards, index, track and all, two each of responses and rewards.
    """
    found = finish(GRIDS["least"], rounds=1, cores=2)
    assert found["jobs"] == 43
    assert found["dry_run"]["peak_mib"] > 50


@pytest.fixture
def results() -> dict[str, Any]:
    seconds = {"median": 2.0, "low": 1.5, "high": 3.0}
    cost = {"seconds": seconds, "peak_mib": 100.4}
    counts = {"policies": 3, "evaluations": 4, "jobs": 50}
    return {
        "command": "python -m benchmarks.workflow",
        "machine": {"cpu": "A CPU", "cores": 4, "load": 0.1, "python": "3.1"},
        "versions": {"snakemake": "4.5.6"},
        "rounds": 3,
        "planning": {"paper": {**counts, **cost, "shares": {"loading": 0.25, "functions": 0.014}}},
        "finished": {
            "paper": {
                "jobs": 50,
                "all_jobs": {"seconds": 2.5, "peak_mib": 1.0, "cores": 2},
                "dry_run": cost,
                "run": cost,
            }
        },
        "starts": {"`x`": cost},
        "light": {"plan": {"seconds": seconds, "work": {"median": 0.25}}},
    }


@pytest.mark.parametrize(
    "row",
    [
        "| `config/paper.yaml` | 3 | 4 | 50 | 2.00 (1.50–3.00) | 100 | 25% | 1% |",
        "| `config/paper.yaml` | 50 | 2 | 50 | 2.00 (1.50–3.00) | 2.00 (1.50–3.00) | 100 |",
        "| `x` | 2.00 (1.50–3.00) | 100 |",
        "| plan | 2.00 (1.50–3.00) | 1.75 |",
    ],
)
def test_tables_have_the_figures(results: dict[str, Any], row: str) -> None:
    assert row in markdown(results).splitlines()


def test_a_part_is_written_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two plans, the second takes the time of one job."""
    monkeypatch.setattr(light, "TARGETS", {"plan": light.TARGETS["plan"][:2]})
    output = tmp_path / "r.json"
    arguments = ["--section", "light", "--rounds", "1", "--output", str(output)]
    assert main(arguments) == 0
    found = json.loads(output.read_text())
    assert found["command"] == f"python -m benchmarks.workflow {' '.join(arguments)}"
    plan = found["light"]["plan"]
    assert 0 < plan["work"]["median"] < plan["seconds"]["median"] < 30
    text = output.with_suffix(".md").read_text()
    assert "## Jobs without a model" in text
    assert "## Planning" not in text
