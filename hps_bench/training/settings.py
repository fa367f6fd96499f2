"""Settings of training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hps_bench.losses.declaration import Form
from hps_bench.models.settings import ModelSource
from hps_bench.settings import Settings


class Lora(Settings):
    """Low-rank adapters (Section 6: rank 8, α 16)."""

    rank: int = Field(8, ge=1, description="rank of the update")
    alpha: int = Field(16, ge=1, description="scale of the update is alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the adapter")
    target_modules: list[str] | Literal["all-linear"] = Field(
        "all-linear", description="linear layers that get an adapter"
    )


class Optimiser(Settings):
    """AdamW with a cosine schedule (Section 6)."""

    learning_rate: float = Field(5e-7, gt=0, description="peak learning rate")
    batch_size: int = Field(64, ge=1, description="visits of prompts in a step")
    warmup_share: float = Field(0.0, ge=0, lt=1, description="share of steps with linear warm-up")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's weight decay")
    max_gradient_norm: float = Field(1.0, gt=0, description="gradients are clipped to this norm")
    mixed_precision: Literal["no", "bf16"] = Field(
        "no", description="bf16: matrix products of float32 weights in bfloat16"
    )
    lora: Lora | None = Field(Lora(), description="null trains all weights")

    @property
    def weights_name(self) -> str:
        """File of the trained weights in the policy's folder."""
        return "model.safetensors" if self.lora is None else "adapter_model.safetensors"


class Execution(Settings):
    """How a run is executed; none of it changes the policy beyond rounding."""

    micro_batch_tokens: int = Field(
        8192, ge=1, description="tokens whose activations fit into memory (8B model: 6 MB each)"
    )
    checkpoint_steps: int = Field(100, ge=1, description="steps between checkpoints, at most")
    checkpoint_minutes: float = Field(15, gt=0, description="minutes between them, at most")
    limit_margin_seconds: float = Field(
        300, ge=0, description="time before a SLURM job's limit at which to checkpoint and stop"
    )


class TrainingConfig(Optimiser, Execution):
    """What the config says about training."""

    snapshots: int = Field(
        0, ge=0, description="policies kept at equal parts of training, for trajectories"
    )

    @property
    def optimiser(self) -> Optimiser:
        """The part that policies depend on."""
        return Optimiser(**self.model_dump(include=set(Optimiser.model_fields)))

    @property
    def execution(self) -> Execution:
        """The part that they do not depend on."""
        return Execution(**self.model_dump(include=set(Execution.model_fields)))


class LossSettings(Settings):
    """One loss, resolved from the registry, so that training depends on this loss alone."""

    name: str = Field(description="name in the registry")
    form: Form = Field("comparison", description="a winner against losers, or a ranked list")
    function: str = Field(description="module:function, or file.py:function")
    mismatched: bool = Field(False, description="whether it needs log-ratios of mismatched pairs")
    hyperparameters: dict[str, float] = Field({}, description="beside β")


class TrainSettings(Settings):
    """What a training run depends on beside its plan, β and seed."""

    model: ModelSource = Field(description="policy at the start, also the reference model")
    optimiser: Optimiser = Field(Optimiser(), description="optimisation")
    loss: LossSettings = Field(description="loss")
    snapshots: int = Field(0, ge=0, description="policies kept before the final one")
