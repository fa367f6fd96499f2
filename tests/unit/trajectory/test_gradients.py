"""Gradients of pairs, against transformers' full logits and against steps that are really made."""

from typing import Any

import pytest
import torch

from hps_bench.chat import Completion
from hps_bench.logprobs import response_logps
from hps_bench.trajectory.gradients import pair_gradients
from tests.unit.logprobs.models import MODELS, build, with_adapter
from tests.unit.logprobs.plain import plain_logps

CHOSEN = Completion([5, 6, 7, 8], [9, 10, 11])
REJECTED = Completion([5, 6, 7, 8], [12, 10, 3, 4, 20])


def parameters_of(model: Any) -> list[torch.Tensor]:
    return [p for p in model.parameters() if p.requires_grad]


@pytest.mark.parametrize("name", MODELS)
def test_equals_gradients_of_full_logits(name: str) -> None:
    """Each response in a row of its own, log-softmax of all logits, torch's autograd."""
    model = MODELS[name]()
    parameters = parameters_of(model)
    found = pair_gradients(model, parameters, CHOSEN, REJECTED)
    logps = plain_logps(model, [CHOSEN, REJECTED])
    expected = logps.tolist()
    ours, theirs = (
        torch.cat(
            [g.flatten() for g in torch.autograd.grad(logp, parameters, retain_graph=True)]
        ).double()
        for logp in logps
    )
    assert found.logp_chosen == pytest.approx(expected[0], abs=1e-4)
    assert found.logp_rejected == pytest.approx(expected[1], abs=1e-4)
    scale = float(ours.norm() * theirs.norm())
    assert found.inner == pytest.approx(float(ours @ theirs), abs=1e-4 * scale)
    assert found.norm_chosen == pytest.approx(float(ours.norm()), rel=1e-4)
    assert found.norm_rejected == pytest.approx(float(theirs.norm()), rel=1e-4)


def test_a_step_that_widens_the_margin_moves_log_probabilities_as_entanglement_says() -> None:
    """Along g_w − g_l: log π(y_w) changes by ‖g_w‖² − <g_w, g_l>, log π(y_l) by <…> − ‖g_l‖².

    Norms of layers are computed in float32, which bounds what a difference quotient can show.
    """
    model: Any = with_adapter(build()).double()
    parameters = parameters_of(model)
    found = pair_gradients(model, parameters, CHOSEN, REJECTED)
    logps = response_logps(model, [CHOSEN, REJECTED])
    gradients = torch.autograd.grad(logps[0] - logps[1], parameters)
    rate, after = 1e-5, []
    for sign in (1, -2):
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.add_(sign * rate * gradient)
        after.append(response_logps(model, [CHOSEN, REJECTED]).detach())
    chosen, rejected = ((after[0] - after[1]) / (2 * rate)).tolist()
    assert chosen == pytest.approx(found.norm_chosen**2 - found.inner, rel=1e-3)
    assert rejected == pytest.approx(found.inner - found.norm_rejected**2, rel=1e-3)


def test_equal_responses_are_wholly_entangled() -> None:
    model = MODELS["adapter"]()
    found = pair_gradients(model, parameters_of(model), CHOSEN, CHOSEN)
    assert found.inner == pytest.approx(found.norm_chosen**2, rel=1e-9)
    assert found.norm_chosen == pytest.approx(found.norm_rejected, rel=1e-9)


def test_parameters_are_left_without_gradients() -> None:
    model = MODELS["adapter"]()
    pair_gradients(model, parameters_of(model), CHOSEN, REJECTED)
    assert all(parameter.grad is None for parameter in model.parameters())
