"""A trained policy with its snapshots, and test pairs with their reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hps_bench.models.settings import ModelSource
from hps_bench.records import read_rows, write_rows
from hps_bench.reference.settings import ReferenceSettings
from hps_bench.reference.stage import write_evaluation_reference
from hps_bench.responses.identity import response_id
from hps_bench.schemas import PROMPTS, RESPONSES, TRAJECTORY
from hps_bench.training.settings import Execution, Lora
from hps_bench.training.stage import train_policy
from hps_bench.trajectory.pairs import Pair, load_pairs
from hps_bench.trajectory.settings import TrajectorySettings
from hps_bench.trajectory.stage import write_trajectory
from tests.unit.models.rows import pairs
from tests.unit.training.toy import cell, toy


@dataclass(frozen=True)
class World:
    """A results folder with one policy, trained for 16 steps with snapshots after 4, 8 and 12."""

    folder: Path
    settings: TrajectorySettings

    @property
    def results(self) -> Path:
        """Results folder."""
        return self.folder / "results"

    @property
    def policy(self) -> Path:
        """Folder of the policy."""
        return self.results / "policies" / cell().policy_path

    @property
    def snapshots(self) -> Path:
        """Folder of its snapshots."""
        return self.results / "snapshots" / cell().policy_path

    def write(self, **changed: Any) -> dict[str, Any]:
        """Run the stage."""
        settings = self.settings.model_copy(update=changed)
        prompts, reference = (self.folder / f"{name}.parquet" for name in ("prompts", "tests"))
        return write_trajectory(settings, cell(), prompts, reference, self.results)

    def pairs(self, count: int) -> list[Pair]:
        """Test pairs as the stage reads them."""
        return load_pairs(self.folder / "prompts.parquet", self.folder / "tests.parquet", count)

    def rows(self, **changed: Any) -> list[dict[str, Any]]:
        """Run the stage and read what it wrote."""
        self.write(**changed)
        file = self.results / "trajectories" / cell().policy_path / "trajectory.parquet"
        return list(read_rows(file, TRAJECTORY))


def make_world(folder: Path, lora: Lora | None, snapshots: int = 3) -> World:
    """Train, and score the reference of five test pairs."""
    made = toy(folder, epochs=8)
    settings = made.settings(learning_rate=5e-3)
    optimiser = settings.optimiser.model_copy(update={"lora": lora})
    settings = settings.model_copy(update={"optimiser": optimiser, "snapshots": snapshots})
    train_policy(settings, Execution(), cell(), made.plan, made.reference, folder / "results")
    _write_tests(folder, made.model)
    return World(folder, TrajectorySettings(model=made.model, lora=lora, pairs=4, batch_tokens=64))


def _write_tests(folder: Path, model: ModelSource) -> None:
    prompts = [*pairs(5, "test"), *pairs(2)]
    write_rows(folder / "prompts.parquet", prompts, PROMPTS)
    samples = [
        {
            "prompt_id": prompt["prompt_id"],
            "sample_index": 0,
            "response_id": response_id(prompt["prompt_id"], "hello there"),
            "text": "hello there",
            "token_count": 3,
            "finish_reason": "stop",
            "origin": "sampled",
            "distinct": True,
        }
        for prompt in pairs(5, "test")
    ]
    write_rows(folder / "responses.parquet", samples, RESPONSES)
    settings = ReferenceSettings(model=model)
    files = [folder / "responses.parquet"]
    write_evaluation_reference(
        settings, folder / "prompts.parquet", files, "test", folder / "tests.parquet"
    )
