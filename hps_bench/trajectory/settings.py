"""Settings of trajectories."""

from __future__ import annotations

from pydantic import Field

from hps_bench.models.settings import ModelSource
from hps_bench.settings import Settings
from hps_bench.training.settings import Lora


class TrajectoryConfig(Settings):
    """What the config says about trajectories."""

    experiments: list[str] = Field(
        min_length=1, description="experiments whose policies are followed through training"
    )
    pairs: int = Field(32, ge=1, description="human test pairs that they are followed on")


class TrajectorySettings(Settings):
    """What a trajectory depends on beside its policy and its test split."""

    model: ModelSource = Field(description="base model of the policies, also the reference model")
    lora: Lora | None = Field(description="what training starts from; null trains all weights")
    pairs: int = Field(32, ge=1, description="human test pairs, the first by prompt id")
    batch_tokens: int = Field(16384, ge=1, description="padded tokens computed together")
