"""Losses and gradients: those of the training losses, and of finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hps_bench.losses import dpo
from hps_bench.losses.batch import RankedBatch
from hps_bench.theory.estimators import METHODS, Comparisons, Objective, Orders, Sampling
from hps_bench.theory.settings import World
from hps_bench.theory.world import Floats, draw_rankings, draw_truth

VALUES = st.floats(-30, 30)


def trained(rewards: Floats, log_weights: Floats, form: str) -> tuple[Floats, Floats]:
    """Losses and their derivatives by ``hps_bench.losses.dpo`` and torch, at β = 1."""
    scores = torch.tensor(rewards, requires_grad=True)
    zeros = torch.zeros_like(scores)
    weights = torch.tensor(log_weights)
    mask = torch.ones_like(scores, dtype=torch.bool)
    batch = RankedBatch(scores, zeros, zeros + 1, zeros, weights, mask)
    losses = getattr(dpo, form)(batch, beta=1.0)
    losses.sum().backward()
    assert scores.grad is not None
    return losses.detach().numpy(), scores.grad.numpy()


@given(arrays(np.float64, (3, 5), elements=VALUES), arrays(np.float64, (3, 5), elements=VALUES))
def test_losses_are_those_of_training(rewards: Floats, log_weights: Floats) -> None:
    features = np.zeros((3, 5, 2))
    objectives: dict[str, Objective] = {
        "comparison": Comparisons(features, log_weights),
        "ranking": Orders(features),
    }
    for form, objective in objectives.items():
        for ours, theirs in zip(
            objective.losses(rewards), trained(rewards, log_weights, form), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_are_the_slopes_of_the_losses(method: str) -> None:
    rng = np.random.default_rng(0)
    world = World(estimate_cosine=0.8)
    rankings = draw_rankings(world, draw_truth(world, rng), 40, 6, rng)
    objective = METHODS[method](Sampling(rankings, 1.5, rng))
    theta = rng.normal(size=5)
    steps = 1e-6 * np.eye(5)
    slopes = [
        (objective.loss(theta + step)[0] - objective.loss(theta - step)[0]) / 2e-6 for step in steps
    ]
    np.testing.assert_allclose(objective.loss(theta)[1], slopes, atol=1e-7)
