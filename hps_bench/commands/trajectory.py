"""The command that follows a policy through its training."""

from __future__ import annotations

import typer

from hps_bench.cell import Cell
from hps_bench.options import (
    Beta,
    MethodName,
    PromptsFile,
    Responses,
    Results,
    RewardName,
    Seed,
    SettingsFile,
    TestReference,
    TrainedOn,
)
from hps_bench.stages import MANIFEST, load_settings, run_recorded

app = typer.Typer()


@app.command()
def trajectory(
    settings: SettingsFile,
    prompts: PromptsFile,
    reference: TestReference,
    reward: RewardName,
    method: MethodName,
    dataset: TrainedOn,
    responses: Responses,
    beta: Beta,
    seed: Seed,
    results: Results,
) -> None:
    """Follow a policy through its training: margins, KL and gradients at each snapshot."""
    from hps_bench.trajectory.settings import TrajectorySettings
    from hps_bench.trajectory.stage import write_trajectory

    loaded = load_settings(TrajectorySettings, settings)
    cell = Cell(reward, method, dataset, dataset, responses, beta, seed)
    summary = results / "policies" / cell.policy_path / "training.json"
    run_recorded(
        "trajectory",
        loaded,
        [prompts, reference, summary],
        results / "trajectories" / cell.policy_path / MANIFEST,
        lambda: write_trajectory(loaded, cell, prompts, reference, results),
    )
