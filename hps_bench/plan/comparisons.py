"""The comparisons that each preference model draws from a ranked list.

A comparison is a winner against losers. What BT, PL and HPS differ in is which responses
they compare and how much each loser counts; the reward's loss does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hps_bench.plan.settings import BradleyTerry, HardPreferenceSampling, Method, PlackettLuce

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """A winner against losers.

    Attributes:
        positions: places in the ranked list (0 is the best), winner first, shape (k,).
        log_weights: log of how often each response counts as a negative, or what corrects for
            its draw, shape (k,); the winner's is 0.
        weight: factor of this comparison's loss.
    """

    positions: Positions
    log_weights: Floats
    weight: float = 1.0


def draw(
    method: Method, rewards: Floats, gamma: float | None, rng: np.random.Generator
) -> list[Comparison]:
    """Draw the comparisons of one visit of a prompt.

    Args:
        method: settings of the preference model.
        rewards: r_est of the ranked list, best first, shape (n,), n ≥ 2.
        gamma: hardness γ at this point of the run, None where the method has no schedule.
        rng: draws the negatives.

    Returns:
        One comparison, or two for Appendix E; none where no negative is left.
    """
    match method:
        case BradleyTerry():
            return [best_against_worst(rewards)]
        case PlackettLuce():
            return [ranking(rewards, method.list_size)]
        case HardPreferenceSampling():
            return best_against_hard(method, rewards, gamma or 0.0, rng)


def best_against_worst(rewards: Floats) -> Comparison:
    """The most against the least preferred response (BT, Section 3)."""
    return Comparison(np.array([0, len(rewards) - 1]), np.zeros(2))


def ranking(rewards: Floats, list_size: int | None) -> Comparison:
    """The ranked list itself, from which the loss makes its n−1 stages (PL, Eq. 4).

    A shorter ``list_size`` takes responses evenly spaced by rank, best and worst included.
    """
    size = min(list_size or len(rewards), len(rewards))
    positions = np.linspace(0, len(rewards) - 1, size).round().astype(np.int64)
    return Comparison(positions, np.zeros(size))


def best_against_hard(
    method: HardPreferenceSampling, rewards: Floats, gamma: float, rng: np.random.Generator
) -> list[Comparison]:
    """The best against hard negatives (HPS, Eq. 9, 10); Appendix E adds the second best."""
    winners = [(0, 1.0)]
    if method.second_winner_weight is not None:
        winners.append((1, method.second_winner_weight))
    below = [(winner, weight, _negatives(method, rewards, winner)) for winner, weight in winners]
    return [
        _against_hard(method, rewards, winner, negatives, gamma, weight, rng)
        for winner, weight, negatives in below
        if len(negatives)
    ]


def hardness(rewards: Floats, gamma: float) -> Floats:
    """Distribution q over negatives, q ∝ exp(γ·r_est) (Eq. 9), shape (k,).

    The largest exponent is subtracted first: rewards of real models overflow otherwise.
    """
    exponents = gamma * rewards
    weights = np.exp(exponents - exponents.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def draw_corrections(rewards: Floats, gamma: float | Floats, losers: Positions) -> Floats:
    """Log-weights that make the logit loss of drawn losers consistent, ln q_l(w) − ln q_w(l).

    q_a(b) is the probability that b is drawn when a has won, softmax of γ·r_est over all but a.
    Given that the set {w, l} was seen, and if choices follow e^r, w has won with probability
    σ(r_w − r_l + ln q_w(l) − ln q_l(w)): positive conditioning, McFadden (1978); Train (2009),
    Section 3.7. They are 0 at γ = 0 and for two responses.

    Args:
        rewards: r_est of winners and all their negatives, the winner first, shape (n,) or (m, n).
        gamma: hardness γ.
        losers: place of each drawn loser in its list, at least 1, shape (m,).

    Returns:
        Shape (m,).
    """
    exponents = gamma * rewards
    drawn = np.arange(exponents.shape[-1]) == losers[:, None]
    by_winner = _log_sum(np.where(drawn, exponents, -np.inf)) - _log_sum(exponents[..., 1:])
    by_loser = exponents[..., 0] - _log_sum(np.where(drawn, -np.inf, exponents))
    return by_loser - by_winner


def _log_sum(exponents: Floats) -> Floats:
    """Log Σ exp over the last axis, without overflow."""
    return np.asarray(np.logaddexp.reduce(exponents, axis=-1), dtype=np.float64)


def effective_negatives(q: Floats) -> float:
    """How many negatives a distribution is worth, 1/Σq²: k when uniform, 1 when one-hot."""
    return float(1.0 / np.square(q).sum())


def _negatives(method: HardPreferenceSampling, rewards: Floats, winner: int) -> Positions:
    positions = np.arange(winner + 1, len(rewards))
    if method.negatives == "untied":
        positions = positions[rewards[positions] < rewards[winner]]
    return positions


def _against_hard(
    method: HardPreferenceSampling,
    rewards: Floats,
    winner: int,
    negatives: Positions,
    gamma: float,
    weight: float,
    rng: np.random.Generator,
) -> Comparison:
    """One winner against a draw from q, or against all negatives weighted by q.

    After drawing from q the drawn response counts once: keeping q(y) as well would count the
    hardness twice.
    """
    q = hardness(rewards[negatives], gamma)
    log_count = np.log(len(negatives)) if method.count_weight else 0.0
    if method.estimator == "full":
        with np.errstate(divide="ignore"):
            log_weights = np.log(q)
        kept = np.isfinite(log_weights)
        negatives, log_weights = negatives[kept], log_weights[kept]
    else:
        negatives, log_weights = rng.choice(negatives, size=1, p=q), np.zeros(1)
        if method.estimator == "corrected":
            log_weights = draw_corrections(rewards[winner:], gamma, negatives - winner)
    positions = np.concatenate([[winner], negatives])
    return Comparison(positions, np.concatenate([[0.0], log_weights + log_count]), weight)
