"""The benchmark of the rating page: what it counts, with raters so few that it takes no time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.study.__main__ import main


def test_every_save_is_counted_and_timed(tmp_path: Path) -> None:
    """2 raters, 3 tasks of 4 responses, 2 saves of each; 4 requests a task, and 5 beside."""
    output = tmp_path / "results.json"
    assert main(["--raters", "2", "--tasks", "3", "--output", str(output)]) == 0
    found = json.loads(output.read_text())
    assert (found["ratings"], found["submitted"]) == (2 * 3 * 4, 2)
    assert (found["saves"], found["requests"]) == (2 * 3 * 2, 2 * (3 * 4 + 5))
    assert 0 < found["save_ms"]["median"] <= found["save_ms"]["p95"] < 1000 * found["seconds"]
    assert found["saves_per_second"] == pytest.approx(12 / found["seconds"], rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--raters", "0"], "give 1 or more"),
        (["--tasks", "74"], "more requests than the page answers a minute"),
        (["--raters", "49"], "more requests than the page answers a minute"),
    ],
)
def test_wrong_input_is_one_line(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --raters, --tasks: ")
    assert problem in error
    assert error.count("\n") == 1
