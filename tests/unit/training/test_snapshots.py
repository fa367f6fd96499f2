"""Snapshots: which steps, that kills do not change them, and that nothing old passes for new."""

import hashlib
import math
import socket
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from hps_bench.integrity import DamagedFileError
from hps_bench.models.loading import load_policy
from hps_bench.records import read_json
from hps_bench.training.settings import Execution, Lora, TrainSettings
from hps_bench.training.snapshots import Snapshots, snapshot_folder, snapshot_steps
from hps_bench.training.stage import train_policy
from tests.unit.training.test_stage import (
    OFTEN,
    WEIGHTS,
    kill_after,
    start,
    train_part,
    wait_for_step,
)
from tests.unit.training.toy import Toy, cell, toy


def prepared(folder: Path, snapshots: int = 4, **optimiser: Any) -> tuple[Toy, TrainSettings]:
    """A toy of 60 steps with dropout."""
    made = toy(folder, "hps", epochs=20)
    settings = made.settings(lora=Lora(rank=2, dropout=0.2), batch_size=2, **optimiser)
    return made, settings.model_copy(update={"snapshots": snapshots})


def train(
    made: Toy, settings: TrainSettings, results: Path, execution: Execution = OFTEN
) -> dict[str, Any]:
    return train_policy(settings, execution, cell(), made.plan, made.reference, results)


def published(results: Path) -> Path:
    return results / "snapshots" / cell().policy_path


def contents(results: Path) -> dict[str, str]:
    """Digest of every file of the published snapshots, by path."""
    paths = (path for path in published(results).rglob("*") if path.is_file())
    return {
        str(path.relative_to(published(results))): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [
        (30, 4, [6, 12, 18, 24]),
        (120, 1, [60]),
        (10, 2, [3, 7]),
        (30, 0, []),
        (1, 4, []),
        (2, 4, [1]),
        (3, 4, [1, 2]),
    ],
)
def test_steps_by_hand(total: int, count: int, expected: list[int]) -> None:
    """Ten steps in thirds: 3⅓ and 6⅔."""
    assert snapshot_steps(total, count) == expected


@given(st.integers(1, 10_000), st.integers(0, 50))
def test_steps_lie_between_start_and_end(total: int, count: int) -> None:
    steps = snapshot_steps(total, count)
    assert steps == sorted(set(steps))
    assert all(0 < step < total for step in steps)
    if total > count:
        parts = np.diff([0, *steps, total])
        assert len(parts) == count + 1
        assert parts.max() - parts.min() <= 2, "each end is off by half a step at most"


def test_they_are_the_policy_after_so_many_steps(tmp_path: Path) -> None:
    """A checkpoint of the same step, which a kill has left behind, has the same parameters."""
    made, settings = prepared(tmp_path)
    every = Execution(checkpoint_steps=24)
    summary = train(made, settings, tmp_path / "whole", every)
    assert summary["snapshots"] == [12, 24, 36, 48]
    assert read_json(tmp_path / "whole/policies" / cell().policy_path / "training.json") == summary
    process = start(made, settings, tmp_path / "killed", every)
    wait_for_step(process, tmp_path / "killed", 26)
    process.kill()
    process.join()
    (file,) = (tmp_path / "killed" / "checkpoints").rglob("step-00000024.pt")
    kept = torch.load(file, weights_only=True)["parameters"]
    policy = load_policy(made.model, snapshot_folder(published(tmp_path / "whole"), 24))
    loaded = dict(policy.named_parameters())
    assert any("lora_B" in name and value.abs().max() > 0 for name, value in kept.items())
    assert all(torch.equal(loaded[name], value) for name, value in kept.items())


def test_killed_runs_end_with_the_same_snapshots(tmp_path: Path) -> None:
    made, settings = prepared(tmp_path)
    train(made, settings, tmp_path / "whole")
    for step in (13, 26, 39, 52):
        kill_after(made, settings, tmp_path / "killed", step)
        assert not published(tmp_path / "killed").exists()
    last = start(made, settings, tmp_path / "killed")
    last.join()
    assert last.exitcode == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole") != {}
    assert not list((tmp_path / "killed" / "checkpoints").rglob("*.safetensors"))


def test_two_processes_end_with_the_snapshots_of_one(tmp_path: Path) -> None:
    """Over gloo; the main process alone writes."""
    made = toy(tmp_path, epochs=4)
    settings = made.settings(batch_size=3, learning_rate=1e-4)
    settings = settings.model_copy(update={"snapshots": 1})
    train(made, settings, tmp_path / "one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inputs = (port, settings, made, tmp_path / "two", 8192)
    fork = get_context("fork").Process
    parts = [fork(target=train_part, args=(index, *inputs)) for index in range(2)]
    for part in parts:
        part.start()
    for part in parts:
        part.join()
    assert [part.exitcode for part in parts] == [0, 0]
    one, two = (
        load_file(snapshot_folder(published(tmp_path / name), 4) / WEIGHTS)
        for name in ("one", "two")
    )
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=0, atol=1e-6)


def test_snapshots_change_nothing_else(tmp_path: Path) -> None:
    made, settings = prepared(tmp_path)
    _, without = prepared(tmp_path, snapshots=0)
    train(made, settings, tmp_path / "with")
    train(made, without, tmp_path / "without")
    of = Path("policies") / cell().policy_path / WEIGHTS
    assert (tmp_path / "with" / of).read_bytes() == (tmp_path / "without" / of).read_bytes()
    assert not published(tmp_path / "without").exists()


@pytest.mark.parametrize("damage", ["delete", "truncate"])
def test_a_checkpoint_behind_a_missing_snapshot_is_passed_over(tmp_path: Path, damage: str) -> None:
    """Killed at step 29 or a little later, with a checkpoint at 28; the snapshot at 24 goes.

    Had training gone on from there, that snapshot would not be among the published ones.
    """
    made, settings = prepared(tmp_path)
    train(made, settings, tmp_path / "whole")
    kill_after(made, settings, tmp_path / "killed", 29)
    (weights,) = (tmp_path / "killed" / "checkpoints").rglob(f"step-000024/{WEIGHTS}")
    if damage == "delete":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:-8])
    train(made, settings, tmp_path / "killed")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_another_runs_snapshots_are_replaced(tmp_path: Path) -> None:
    """Of another learning rate, and other steps; the killed run goes on with its own."""
    made, settings = prepared(tmp_path)
    train(made, settings, tmp_path / "whole")
    kill_after(made, settings, tmp_path / "results", 29)
    _, other = prepared(tmp_path, snapshots=2, learning_rate=3e-3)
    assert train(made, other, tmp_path / "results")["snapshots"] == [20, 40]
    assert sorted(path.name for path in published(tmp_path / "results").iterdir()) == [
        "step-000020",
        "step-000040",
    ]
    assert train(made, settings, tmp_path / "results")["attempts"] == 2
    assert contents(tmp_path / "results") == contents(tmp_path / "whole")


def test_damage_is_noticed_where_a_snapshot_is_loaded(tmp_path: Path) -> None:
    made, settings = prepared(tmp_path, snapshots=1)
    train(made, settings, tmp_path)
    folder = snapshot_folder(published(tmp_path), 30)
    changed = bytearray((folder / WEIGHTS).read_bytes())
    changed[-1] ^= 1
    (folder / WEIGHTS).write_bytes(changed)
    with pytest.raises(DamagedFileError, match="step-000030"):
        load_policy(made.model, folder)


def test_all_weights(tmp_path: Path) -> None:
    """Without an adapter a snapshot is a model folder, also in the midst of packed attention."""
    made, settings = prepared(tmp_path, snapshots=1, learning_rate=1e-3)
    whole = settings.optimiser.model_copy(update={"lora": None})
    settings = settings.model_copy(update={"optimiser": whole})
    train(made, settings, tmp_path)
    folder = snapshot_folder(published(tmp_path), 30)
    config = read_json(folder / "config.json")
    assert "hps_bench_packed" not in str(config)
    loaded, base = load_policy(made.model, folder), load_policy(made.model, Path(made.model.path))
    pairs = zip(loaded.parameters(), base.parameters(), strict=True)
    assert not all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_a_training_too_short_has_an_empty_folder(tmp_path: Path) -> None:
    """The workflow waits for the folder, whatever the length of the plan."""
    snapshots = Snapshots(tmp_path / "own", (), WEIGHTS)
    snapshots.publish(tmp_path / "public")
    assert list((tmp_path / "public").iterdir()) == []
    assert snapshots.first_missing() == math.inf
