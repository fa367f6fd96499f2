"""Trajectories as arrays."""

from pathlib import Path

import pytest

from hps_bench.errors import UserError
from hps_bench.records import read_rows, write_rows
from hps_bench.schemas import TRAJECTORY
from hps_bench.trajectory.reading import read_trajectory, trajectory_file
from tests.unit.training.toy import cell
from tests.unit.trajectory.fabricated import write_fabricated

KL = {"b": [0.0, 1.0, 2.0], "a": [0.0, 0.5, 4.0]}
MARGINS = {"b": [0.0, 3.0, 8.0], "a": [0.0, 1.0, 16.0]}


def test_prompts_by_points(tmp_path: Path) -> None:
    write_fabricated(tmp_path, cell(), KL, MARGINS)
    found = read_trajectory(trajectory_file(cell(), tmp_path))
    assert found.prompts == ("a", "b")
    assert found.course.kl.tolist() == [KL["a"], KL["b"]]
    assert found.course.margins.tolist() == [MARGINS["a"], MARGINS["b"]]


def test_margins_per_token_by_hand(tmp_path: Path) -> None:
    """At the end: 8/2 + 8/4 nats a token for a margin of 16, 4/2 + 4/4 for 8."""
    write_fabricated(tmp_path, cell(), KL, MARGINS, tokens=(2, 4))
    found = read_trajectory(trajectory_file(cell(), tmp_path))
    assert found.margins_per_token.tolist() == [6.0, 3.0]


@pytest.mark.parametrize("change", ["drop", "repeat"])
def test_gaps_and_repetitions_are_refused(tmp_path: Path, change: str) -> None:
    write_fabricated(tmp_path, cell(), KL, MARGINS)
    file = trajectory_file(cell(), tmp_path)
    rows = list(read_rows(file, TRAJECTORY))
    write_rows(file, rows[1:] if change == "drop" else [*rows, rows[0]], TRAJECTORY)
    with pytest.raises(UserError, match="not every prompt is there once at every point"):
        read_trajectory(file)
