"""Whole trajectories of tiny policies, with adapters and of all weights, against plain sums."""

from __future__ import annotations

import shutil
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import torch

from hps_bench.errors import UserError
from hps_bench.models.loading import load_language_model, load_policy
from hps_bench.records import read_json, read_rows, write_json, write_rows
from hps_bench.schemas import PROMPTS, REFERENCE
from hps_bench.training.settings import Lora
from tests.unit.logprobs.plain import next_token_logps, plain_logps
from tests.unit.models.rows import pairs
from tests.unit.training.toy import cell
from tests.unit.trajectory.world import World, make_world

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module", params=["adapter", "all weights"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    lora = Lora(rank=2) if request.param == "adapter" else None
    return make_world(tmp_path_factory.mktemp("world"), lora)


@pytest.fixture
def copied(tmp_path: Path) -> World:
    """A world to be damaged."""
    return make_world(tmp_path, Lora(rank=2))


def test_points_and_pairs(world: World) -> None:
    """Six visits by three a step, eight times: 16 steps; quarters end after 4, 8 and 12."""
    assert world.write() == {"steps": [0, 4, 8, 12, 16], "pairs": 4}
    rows = world.rows()
    first = sorted(row["prompt_id"] for row in pairs(5, "test"))[:4]
    by_step = {step: list(own) for step, own in groupby(rows, key=lambda row: row["step"])}
    assert list(by_step) == [0, 4, 8, 12, 16]
    assert [own[0]["share"] for own in by_step.values()] == [0, 0.25, 0.5, 0.75, 1]
    assert all([row["prompt_id"] for row in own] == first for own in by_step.values())


def test_the_start_is_the_reference_without_rounding(world: World) -> None:
    names = ("log_ratio_chosen", "log_ratio_rejected", "rm_dpo", "kl_preferred")
    start = [row for row in world.rows() if row["step"] == 0]
    assert [row[name] for row in start for name in names] == [0.0] * 16
    assert [row["ranking_accuracy"] for row in start] == [0.5] * 4
    assert all(row["gradient_norm_chosen"] > 0 for row in start)


@pytest.mark.parametrize("step", [8, 16])
def test_log_ratios_and_kl_are_those_of_the_two_models(world: World, step: int) -> None:
    """Recomputed from full logits of the loaded policy and the base model, row by row."""
    folder = world.policy if step == 16 else world.snapshots / f"step-{step:06d}"
    policy = load_policy(world.settings.model, folder)
    base = load_language_model(world.settings.model)
    found = [row for row in world.rows() if row["step"] == step]
    for row, pair in zip(found, world.pairs(4), strict=True):
        completions = [pair.chosen.completion, pair.rejected.completion]
        with torch.no_grad():
            h = plain_logps(policy, completions) - plain_logps(base, completions)
            ours, theirs = (next_token_logps(m, completions[0]).double() for m in (policy, base))
        assert row["log_ratio_chosen"] == pytest.approx(float(h[0]), abs=2e-5)
        assert row["log_ratio_rejected"] == pytest.approx(float(h[1]), abs=2e-5)
        assert row["rm_dpo"] == pytest.approx(float(h[0] - h[1]), abs=4e-5)
        assert row["ranking_accuracy"] == float(h[0] > h[1])
        kl = float((ours.exp() * (ours - theirs)).sum())
        assert row["kl_preferred"] == pytest.approx(kl, abs=2e-5)
        assert kl > 1e-3
        assert row["tokens_chosen"] == len(completions[0].response_ids)
        assert row["tokens_rejected"] == len(completions[1].response_ids)


def test_gradients_are_of_what_is_trained(world: World) -> None:
    """By hand for the last point: of the adapter's parameters alone, or of all."""
    policy = load_policy(world.settings.model, world.policy)
    adapter = world.settings.lora is not None
    trained = [p for n, p in policy.named_parameters() if "lora_" in n or not adapter]
    for parameter in trained:
        parameter.requires_grad_(True)
    pair = world.pairs(1)[0]
    logps = plain_logps(policy, [pair.chosen.completion, pair.rejected.completion])
    ours, theirs = (
        torch.cat(
            [g.flatten() for g in torch.autograd.grad(logp, trained, retain_graph=True)]
        ).double()
        for logp in logps
    )
    row = next(row for row in world.rows() if row["step"] == 16)
    assert row["gradient_norm_chosen"] == pytest.approx(float(ours.norm()), rel=1e-4)
    assert row["gradient_norm_rejected"] == pytest.approx(float(theirs.norm()), rel=1e-4)
    scale = float(ours.norm() * theirs.norm())
    assert row["gradient_inner"] == pytest.approx(float(ours @ theirs), abs=1e-4 * scale)


def test_same_bytes_again(world: World) -> None:
    file = world.results / "trajectories" / cell().policy_path / "trajectory.parquet"
    world.write()
    before = file.read_bytes()
    world.write()
    assert file.read_bytes() == before


def test_without_snapshots_there_are_start_and_end(tmp_path: Path) -> None:
    assert make_world(tmp_path, Lora(rank=2), snapshots=0).write()["steps"] == [0, 16]


def refused(world: World, **changed: Any) -> str:
    with pytest.raises(UserError) as error:
        world.write(**changed)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("damage", ["delete", "change"])
def test_a_damaged_snapshot_takes_all_with_it(copied: World, damage: str) -> None:
    """The workflow knows the folder of all snapshots only, and trains again when it is gone."""
    folder = copied.snapshots / "step-000008"
    if damage == "delete":
        shutil.rmtree(folder)
    else:
        (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-1] + b"?")
    assert refused(copied) == (
        f"{folder}: missing or damaged; the snapshots of its training have been removed, "
        "and the same command trains the policy again"
    )
    assert not copied.snapshots.exists()


def test_a_damaged_policy_is_noticed_before_anything_is_computed(copied: World) -> None:
    (copied.policy / WEIGHTS).write_bytes(b"")
    message = refused(copied)
    assert "damaged, its digest has changed" in message
    assert copied.snapshots.exists()


def test_a_policy_of_an_earlier_version_names_no_snapshots(copied: World) -> None:
    file = copied.policy / "training.json"
    write_json(file, {k: v for k, v in read_json(file).items() if k != "snapshots"})
    assert refused(copied).endswith("names no snapshots; train the policy again")


def test_a_reference_that_lacks_a_response_is_one_line(copied: World) -> None:
    file = copied.folder / "tests.parquet"
    rows = list(read_rows(file, REFERENCE))
    write_rows(file, rows[3:], REFERENCE)
    assert "is missing; run the reference stage for the test split" in refused(copied)


def test_a_data_set_without_test_prompts_is_one_line(copied: World) -> None:
    write_rows(copied.folder / "prompts.parquet", pairs(2), PROMPTS)
    assert refused(copied).endswith("no test prompt; give the data set a test split")


def test_an_adapter_of_other_layers_is_one_line(copied: World) -> None:
    """The settings say rank 2 on all linear layers; the policy was trained with that, too."""
    for lora in (Lora(rank=3), Lora(rank=2, target_modules=["o_proj"])):
        assert refused(copied, lora=lora).endswith("; train it again")
