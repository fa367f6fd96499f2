"""Adapters whose output is added before it is rounded, so that small updates survive bf16."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft.tuners.lora import Linear
from peft.utils import SAFETENSORS_WEIGHTS_NAME, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from hps_bench.errors import UserError
from hps_bench.integrity import check_folder

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class RoundedOnce(Linear):  # type: ignore[misc]
    """PEFT's adapter of a linear layer, with one rounding in half precision instead of two.

    PEFT adds the adapter's output to an output of the base layer that is rounded already, and
    rounds the sum: an update of less than half the spacing of bf16 is gone, as if it had been
    merged. A matrix product that starts from the adapter's output adds both in float32. A bias of
    the base layer is added behind it, so a fresh adapter then differs from the base by a rounding.
    """

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """W·x + s·B·A·x; x has shape (…, in)."""
        if not self._in_half_precision(x) or not self._one_plain_adapter(args, kwargs):
            output: Tensor = super().forward(x, *args, **kwargs)
            return output
        [name] = self.active_adapters
        base = self.get_base_layer()
        low = self.lora_A[name](
            self.lora_dropout[name](self._cast_input_dtype(x, self.lora_A[name].weight.dtype))
        )
        update = self.lora_B[name](low) * self.scaling[name]
        rows = x.reshape(-1, x.shape[-1])
        summed = torch.addmm(update.reshape(len(rows), -1).to(x.dtype), rows, base.weight.T)
        return (summed if base.bias is None else summed + base.bias.to(summed.dtype)).reshape(
            *x.shape[:-1], -1
        )

    def _in_half_precision(self, x: Tensor) -> bool:
        return torch.is_autocast_enabled(x.device.type) or x.dtype in (
            torch.bfloat16,
            torch.float16,
        )

    def _one_plain_adapter(self, args: Any, kwargs: Any) -> bool:
        plain = type(self.get_base_layer()) is nn.Linear
        name = self.active_adapters[0] if len(self.active_adapters) == 1 else None
        return (
            plain
            and name in self.lora_A
            and not (args or kwargs or self.disable_adapters or self.merged)
            and name not in self.lora_variant
        )


def take_adapter(model: PreTrainedModel, folder: Path) -> None:
    """Give a policy the adapter of a folder, whose base and shapes are the same, in place.

    Raises:
        DamagedFileError: a file of the folder is not what was written.
        UserError: it has no adapter, or one of other layers.
    """
    check_folder(folder)
    try:
        found = load_file(folder / SAFETENSORS_WEIGHTS_NAME)
        unexpected = set_peft_model_state_dict(model, found).unexpected_keys
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{folder}: not this policy's adapter ({reason}); train it again") from None
    if unexpected:
        raise UserError(f"{folder}: {unexpected[0]} is no part of this policy; train it again")


def round_once(model: PreTrainedModel) -> PreTrainedModel:
    """Have all adapters of a PEFT model add before they round; the model is changed in place."""
    for module in model.modules():
        if type(module) is Linear:
            module.__class__ = RoundedOnce
    return model
