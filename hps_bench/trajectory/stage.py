"""The ``trajectory`` stage: snapshots of a training in, records by point and test pair out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from hps_bench.cell import Cell
from hps_bench.errors import UserError
from hps_bench.evaluation.margins import Measured, pair_margins
from hps_bench.integrity import DamagedFileError, check_folder
from hps_bench.logprobs import all_response_kls
from hps_bench.models.loading import load_policy
from hps_bench.records import read_json, write_rows
from hps_bench.schemas import TRAJECTORY
from hps_bench.training.policy import new_policy, reference_of, trainable
from hps_bench.training.snapshots import snapshot_folder
from hps_bench.trajectory.gradients import PairGradients, pair_gradients
from hps_bench.trajectory.pairs import Pair, load_pairs
from hps_bench.trajectory.reading import trajectory_file
from hps_bench.trajectory.settings import TrajectorySettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Row = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A point of a training.

    Attributes:
        step: steps behind it.
        share: part of training behind it.
        folder: of its policy; None before the first step.
    """

    step: int
    share: float
    folder: Path | None


def write_trajectory(
    settings: TrajectorySettings, cell: Cell, prompts: Path, reference: Path, results: Path
) -> dict[str, Any]:
    """Follow a policy through its training, from step 0 over the snapshots to its end.

    Writes ``results/trajectories/…/trajectory.parquet``, schema ``TRAJECTORY``.

    Args:
        settings: model, adapter, number of pairs.
        cell: of the policy.
        prompts: prompts file of the data set trained on.
        reference: reference file of its test split.
        results: results folder of the experiment.

    Returns:
        Steps of the points, and the number of pairs.

    Raises:
        UserError: the policy or a snapshot is missing or damaged.
    """
    pairs = load_pairs(prompts, reference, settings.pairs)
    points = points_of(cell, results)
    _check_snapshots(points[1:-1])
    check_folder(results / "policies" / cell.policy_path)
    rows = (
        row
        for point, policy in _policies(settings, cell.seed, points)
        for row in _rows(settings, point, policy, pairs)
    )
    write_rows(trajectory_file(cell, results), rows, TRAJECTORY)
    return {"steps": [point.step for point in points], "pairs": len(pairs)}


def points_of(cell: Cell, results: Path) -> list[Point]:
    """Points of a policy's training, from its start to its end.

    Raises:
        UserError: the policy is missing, or was trained before there were snapshots.
    """
    policy = results / "policies" / cell.policy_path
    summary = read_json(policy / "training.json")
    if "snapshots" not in summary:
        raise UserError(f"{policy}/training.json: names no snapshots; train the policy again")
    folder, total = results / "snapshots" / cell.policy_path, summary["steps"]
    between = [
        Point(step, step / total, snapshot_folder(folder, step)) for step in summary["snapshots"]
    ]
    return [Point(0, 0.0, None), *between, Point(total, 1.0, policy)]


def _policies(
    settings: TrajectorySettings, seed: int, points: Sequence[Point]
) -> Iterator[tuple[Point, PreTrainedModel]]:
    """The policy at each point, with what is trained requiring gradients; valid until the next."""
    policy = new_policy(settings.model, settings.lora, seed).eval()
    for point in tqdm(points, desc="trajectory", unit="policy", disable=None):
        yield point, _at(settings, policy, point.folder) if point.folder else policy


def _at(settings: TrajectorySettings, policy: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """The policy of a folder; with an adapter, in the model at hand, whose base stays."""
    if settings.lora is None:
        return load_policy(settings.model, folder).requires_grad_(True)
    from hps_bench.models.adapters import take_adapter

    take_adapter(policy, folder)
    return policy


def _check_snapshots(points: Sequence[Point]) -> None:
    """Make sure that all snapshots are there as they were written.

    Raises:
        UserError: one is not. All are then removed: one training makes them together, and the
            workflow knows their folder only.
    """
    for folder in (point.folder for point in points if point.folder):
        if not _is_as_written(folder):
            shutil.rmtree(folder.parent, ignore_errors=True)
            raise UserError(
                f"{folder}: missing or damaged; the snapshots of its training have been removed, "
                "and the same command trains the policy again"
            )


def _is_as_written(folder: Path) -> bool:
    with suppress(DamagedFileError):
        check_folder(folder)
        return folder.is_dir()
    return False


def _rows(
    settings: TrajectorySettings, point: Point, policy: PreTrainedModel, pairs: Sequence[Pair]
) -> Iterator[Row]:
    parameters = list(trainable(policy).values())
    for pair, kl in zip(pairs, _kls(settings, point, policy, pairs), strict=True):
        found = pair_gradients(policy, parameters, pair.chosen.completion, pair.rejected.completion)
        yield {
            "step": point.step,
            "share": point.share,
            "prompt_id": pair.prompt_id,
            **_margins(point, pair, found),
            "kl_preferred": kl,
            "gradient_inner": found.inner,
            "gradient_norm_chosen": found.norm_chosen,
            "gradient_norm_rejected": found.norm_rejected,
        }


def _kls(
    settings: TrajectorySettings, point: Point, policy: PreTrainedModel, pairs: Sequence[Pair]
) -> list[float]:
    """KL(π ‖ π_ref) along the preferred responses; 0 at the start, without rounding."""
    if point.folder is None:
        return [0.0] * len(pairs)
    completions = [pair.chosen.completion for pair in pairs]
    reference = reference_of(policy, settings.model)
    return all_response_kls(policy, reference, completions, settings.batch_tokens)


def _margins(point: Point, pair: Pair, found: PairGradients) -> Row:
    """Margins and log-ratios; at the start, where π is π_ref, they are 0 without rounding."""
    logps = found.logp_chosen, found.logp_rejected
    before = pair.chosen.reference_logp, pair.rejected.reference_logp
    lengths = [len(scored.completion.response_ids) for scored in (pair.chosen, pair.rejected)]
    chosen, rejected = (
        Measured(logp - (logp if point.folder is None else known), length)
        for logp, known, length in zip(logps, before, lengths, strict=True)
    )
    margins = pair_margins(chosen, rejected)
    names = ("log_ratio_chosen", "log_ratio_rejected", "rm_dpo", "ranking_accuracy")
    return {
        **{name: margins[name] for name in names},
        "tokens_chosen": chosen.length,
        "tokens_rejected": rejected.length,
    }
