"""Theorem 2: losses by hand, the supremum over distributions, and limits in γ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax

from hps_bench.theory.estimators import Sampling
from hps_bench.theory.hardest_negative import (
    HardestLoss,
    drawn_losses,
    expected_losses,
    gaps,
    hardest_shares,
    proof_bound,
    rates,
    runner_up,
)
from hps_bench.theory.settings import HardestNegative, TheorySettings
from hps_bench.theory.world import Floats, Rankings

LISTS = arrays(np.float64, (3, 5), elements=st.floats(-3, 3))


def test_losses_by_hand() -> None:
    """r = 1, 0, −1 with N = 2: at q = ½, ½ the group weighs 2 · (1 + 1/e) / 2."""
    rewards, q = np.array([[1.0, 0.0, -1.0]]), np.log([[0.5, 0.5]])
    assert expected_losses(rewards, q) == pytest.approx(np.log(1 + (1 + 1 / np.e) / np.e))
    alone = [np.log(1 + 2 / np.e), np.log(1 + 2 / np.e**2)]
    assert drawn_losses(rewards, q) == pytest.approx(np.mean(alone))


def test_mass_is_on_the_hardest_and_shared_by_ties() -> None:
    shares = np.exp(hardest_shares(np.array([[0.0, 2.0, 1.0], [3.0, 3.0, 1.0]])))
    assert shares.tolist() == [[0, 1, 0], [0.5, 0.5, 0]]


@given(LISTS, arrays(np.float64, (3, 4), elements=st.floats(-5, 5)))
def test_hardest_loss_is_the_largest_of_all_distributions(rewards: Floats, logits: Floats) -> None:
    """The supremum of Eq. 12, and Jensen's inequality for single draws."""
    q = log_softmax(logits, axis=1)
    hardest = expected_losses(rewards, hardest_shares(rewards[:, 1:]))
    assert (hardest >= expected_losses(rewards, q) - 1e-12).all()
    assert (expected_losses(rewards, q) >= drawn_losses(rewards, q) - 1e-12).all()
    assert HardestLoss(rewards[..., None]).losses(rewards)[0] == pytest.approx(hardest)


@given(LISTS, st.floats(0, 200))
def test_gap_is_within_the_bound_of_the_proof(rewards: Floats, gamma: float) -> None:
    losers = rewards[:, 1:]
    hardest = expected_losses(rewards, hardest_shares(losers))
    gap = hardest - expected_losses(rewards, log_softmax(gamma * losers, axis=1))
    assert (gap <= proof_bound(3.0, 4, gamma)).all()


def test_bound_of_the_proof_by_hand() -> None:
    """α_0 = 1, N = 1, γ = 2e: e² · 2 (1 + log 2e) / 2e; at γ = 0 rewards are 2 apart at most."""
    assert proof_bound(1.0, 1, 0.0) == pytest.approx(2 * np.e**2)
    assert proof_bound(1.0, 1, 20 * np.e) == pytest.approx(
        np.e**2 * 2 * (2 + np.log(20)) / (20 * np.e)
    )


def test_limit_is_the_loss_of_the_hardest_by_r_est() -> None:
    """In the second list r_est has another hardest loser than r_θ: the gap stays."""
    rewards = np.array([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]])
    estimates = np.array([[0.0, 5.0, 1.0], [0.0, 1.0, 5.0]])
    sampling = Sampling(
        Rankings(rewards[..., None], rewards, estimates), 1000.0, np.random.default_rng(0)
    )
    losses = expected_losses(rewards, sampling.log_hardness)
    gap = HardestLoss(rewards[..., None]).losses(rewards)[0] - losses
    assert gap == pytest.approx([0, np.log(1 + 2 / np.e) - np.log(1 + 2 / np.e**2)])
    assert runner_up(sampling).losses(rewards)[0] == pytest.approx(losses)


def test_hardest_loss_has_its_derivatives() -> None:
    rewards = np.array([[0.3, -0.2, 0.9, 0.1]])
    loss = HardestLoss(rewards[..., None])
    for place in range(4):
        moved = rewards + 1e-6 * np.eye(4)[place]
        slope = (loss.losses(moved)[0] - loss.losses(rewards)[0]) / 1e-6
        assert slope == pytest.approx(loss.losses(rewards)[1][:, place], abs=1e-5)


def test_gap_falls_like_the_square_of_gamma_or_not_to_zero() -> None:
    """Leads of the hardest loser have a density at 0: ∫ Δ e^{−γΔ} dΔ = 1/γ²."""
    grid = HardestNegative(
        prompts=4000, responses=[4], cosines=[1.0, 0.5], gammas=[10, 30, 100, 1000]
    )
    settings = TheorySettings(seeds=2, hardest_negative=grid)
    found = gaps(settings)
    [slope] = rates(found)["mean"]
    assert slope == pytest.approx(-2, abs=0.15)
    apart = found[(found["cosine"] == 0.5) & (found["gamma"] == 1000)]
    assert (apart["limit"] > 0.2).all()
    assert apart["gap"].to_numpy() == pytest.approx(apart["limit"], rel=0.01)
    own = found[found["cosine"] == 1]
    assert (own["limit"] == 0).all()
    assert (own["disagreement"] == 0).all()
