"""Bytes that stages leave on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hps_bench.cost.assumptions import Assumptions
from hps_bench.cost.shapes import Model

if TYPE_CHECKING:
    from hps_bench.training.settings import Lora

ADAM_STATES = 2
CHECKPOINTS_KEPT = 2
_FLOAT32, _FLOAT64 = 4, 8
_PLANNED_BYTES = 10
_TOKENIZER_BYTES = 130
_CURVE_BYTES = 350
_RECORD_BYTES = 200


@dataclass(frozen=True)
class Disk:
    """Sizes of what is stored, after compression.

    Attributes:
        assumptions: bytes of tokens and of rows.
    """

    assumptions: Assumptions

    def rows(self, rows: float, tokens: float, numbers: int = 0) -> float:
        """Rows with texts or ids of so many tokens each, and so many numbers that differ."""
        token, row = (self.assumptions.value(f"stored_{kind}_bytes") for kind in ("token", "row"))
        return rows * (row + tokens * token + numbers * _FLOAT64)

    def plan(self, comparisons: float, responses: float) -> float:
        """Comparisons with so many responses in all; a response takes its id and its reward."""
        return self.rows(comparisons, 0) + responses * _PLANNED_BYTES

    def records(self, prompts: float) -> float:
        """Records of an evaluation, one a prompt."""
        return prompts * _RECORD_BYTES

    def policy(self, model: Model, lora: Lora | None, steps: float) -> float:
        """Adapter in float32, or all weights, with tokenizer and curve."""
        weight = model.weight_bytes if lora is None else _FLOAT32
        weights = model.trained_parameters(lora) * weight
        return weights + self.tokenizer(model) + steps * _CURVE_BYTES

    def snapshots(self, model: Model, lora: Lora | None, count: int) -> float:
        """Weights of so many snapshots."""
        weight = model.weight_bytes if lora is None else _FLOAT32
        return count * model.trained_parameters(lora) * weight

    def model(self, model: Model) -> float:
        """A model that is trained here, with its tokenizer."""
        return model.size + self.tokenizer(model)

    def tokenizer(self, model: Model) -> float:
        """Files of a tokenizer: some bytes a token."""
        return model.vocabulary * _TOKENIZER_BYTES

    def checkpoints(self, model: Model, lora: Lora | None) -> float:
        """Checkpoints of one run while it lasts: parameters and AdamW's two moments, twice."""
        weight = model.weight_bytes if lora is None else _FLOAT32
        state = model.trained_parameters(lora) * weight * (1 + ADAM_STATES)
        return state * CHECKPOINTS_KEPT
