"""Gradients of the log-probabilities of a pair, and how far they point the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hps_bench.chat import Completion
from hps_bench.logprobs import response_logps
from hps_bench.logprobs.choice import form_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class PairGradients:
    """Log-probabilities of a pair and their gradients g_w, g_l by the trained parameters.

    Attributes:
        logp_chosen: log π(y_w|x).
        logp_rejected: log π(y_l|x).
        inner: <g_w, g_l>.
        norm_chosen: ‖g_w‖.
        norm_rejected: ‖g_l‖.
    """

    logp_chosen: float
    logp_rejected: float
    inner: float
    norm_chosen: float
    norm_rejected: float


def pair_gradients(
    model: PreTrainedModel, parameters: Sequence[Tensor], chosen: Completion, rejected: Completion
) -> PairGradients:
    """Inner product and norms of ∇ log π(y_w|x) and ∇ log π(y_l|x).

    Where the inner product exceeds ‖g_l‖², a small gradient step that widens the margin of this
    pair raises the log-probability of y_l, too; where it exceeds ‖g_w‖², it lowers that of y_w
    (gradient entanglement, Yuan et al. 2024, arXiv:2410.13828, for DPO).

    Args:
        model: policy, in evaluation mode.
        parameters: those that training changes; they require gradients.
        chosen: y_w with its prompt.
        rejected: y_l with the same prompt.
    """
    logp_chosen, ours = _gradient(model, parameters, chosen)
    logp_rejected, theirs = _gradient(model, parameters, rejected)
    return PairGradients(
        logp_chosen=logp_chosen,
        logp_rejected=logp_rejected,
        inner=_dot(ours, theirs),
        norm_chosen=_dot(ours, ours) ** 0.5,
        norm_rejected=_dot(theirs, theirs) ** 0.5,
    )


def _gradient(
    model: PreTrainedModel, parameters: Sequence[Tensor], completion: Completion
) -> tuple[float, Sequence[Tensor]]:
    """Log π(y|x) and its gradient. Compiled attention kernels can be differentiated only once."""
    form = form_of(model)
    with form.attention(model):
        (logp,) = response_logps(model, [completion], form)
        gradient = torch.autograd.grad(logp, parameters, materialize_grads=True)
    return float(logp.detach()), gradient


def _dot(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Inner product over all parameters, in float64: a sum of many small terms."""
    pairs = zip(ours, theirs, strict=True)
    return float(torch.stack([(a.double() * b.double()).sum() for a, b in pairs]).sum())
