"""Minimisers of a loss under growing bounds on ‖θ‖, whose directions Theorem 3 is about.

On separable rankings the losses have an infimum of 0 that no θ attains: what can be followed is
the minimiser among ‖θ‖ ≤ B as B grows, or the steps of gradient descent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_expit

from hps_bench.theory.estimators import Comparisons, Objective
from hps_bench.theory.hardest_negative import HardestLoss
from hps_bench.theory.margin_maximiser import winner_differences
from hps_bench.theory.world import Floats

_SHARPNESS = (10.0, 100.0, 1000.0, 10_000.0)
"""Of the maximum over losers, for a parameter of norm 1: each smooth maximum starts the next."""
_INSIDE = 0.999
"""Share of a bound below which it does not bind."""


@dataclass(frozen=True)
class GroupedLosses:
    """Losses log(1 + e^x), x = (1/κ) log Σ_l (w_l e^{−⟨θ, z_l⟩})^κ, of winners against groups.

    Attributes:
        differences: z, features of a winner less those of its losers, shape (k, l, d).
        log_weights: log w, −∞ where there is no loser, shape (k, l).
        sharpness: κ; 1 for the losses of the methods, ∞ would be that of the hardest loser alone.
    """

    differences: Floats
    log_weights: Floats
    sharpness: float = 1.0

    def log_mean(self, theta: Floats) -> tuple[float, Floats]:
        """Log of the mean loss, and its gradient, shape (d,); exact for losses of e^{−1000}, too.

        The log has the minimisers of the mean itself, and keeps its scale as ‖θ‖ grows.
        """
        # By hand and not with scipy's logsumexp and softmax: paths spend their time here.
        scores = self.sharpness * (self.log_weights - self.differences @ theta)
        largest = scores.max(axis=1)
        shares = np.exp(scores - largest[:, None])
        totals = shares.sum(axis=1)
        grouped = (largest + np.log(totals)) / self.sharpness
        log_losses = _log_softplus(grouped)
        worst = log_losses.max()
        losses = np.exp(log_losses - worst)
        slopes = losses * np.exp(log_expit(grouped) - log_losses) / (losses.sum() * totals)
        gradient = -np.tensordot(slopes[:, None] * shares, self.differences, axes=2)
        return float(worst + np.log(losses.mean())), np.asarray(gradient)


def grouped(objective: Objective) -> GroupedLosses:
    """A method's losses as winners against groups; a whole ranking has a group a stage."""
    if isinstance(objective, Comparisons):
        differences = winner_differences(objective.features)
        return GroupedLosses(differences, objective.log_weights[:, 1:])
    m, n, d = objective.features.shape
    stages = objective.features[:, :-1, None] - objective.features[:, None]
    below = np.where(np.triu(np.ones((n - 1, n)), 1) > 0, 0.0, -np.inf)
    return GroupedLosses(stages.reshape(m * (n - 1), n, d), np.tile(below, (m, 1)))


def minimisers(objective: Objective, bounds: Sequence[float]) -> list[Floats]:
    """θ of the smallest mean loss among ‖θ‖ ≤ B, for each B.

    The maximum in the hardest loss is smoothed, by at most log(N)/10⁴ of a margin at norm B.

    Args:
        objective: convex in θ.
        bounds: B, rising; each minimiser is the start of the next.

    Returns:
        Shape (d,) each.
    """
    direction = np.zeros(objective.features.shape[-1])
    found: list[Floats] = []
    for bound in bounds:
        # Where one bound does not bind, larger ones do not either.
        if not found or np.linalg.norm(direction) > _INSIDE:
            for losses in _stages(objective, bound):
                direction = _on_ball(losses, bound, direction)
            theta = bound * direction
        found.append(theta)
    return found


def relative_excess(losses: GroupedLosses, theta: Floats, bound: float) -> float:
    """By what share of itself the mean loss at θ is at most above the least among ‖θ‖ ≤ B.

    A convex function lies above its tangent at θ, whose least value on the ball is known.
    """
    _, gradient = losses.log_mean(theta)
    return float(gradient @ theta + bound * np.linalg.norm(gradient))


def descent(losses: GroupedLosses, checkpoints: list[int]) -> list[Floats]:
    """Gradient descent from 0 without a bound, with the longest step that surely descends.

    Args:
        losses: of sharpness 1.
        checkpoints: numbers of steps, rising.

    Returns:
        θ after each, shape (d,).
    """
    # A loss log(1 + e^x) of linear scores has a curvature of at most max ‖z‖² in θ.
    step = 1 / float(np.square(losses.differences).sum(axis=-1).max())
    theta = np.zeros(losses.differences.shape[-1])
    found = []
    for done in range(checkpoints[-1] + 1):
        if done in checkpoints:
            found.append(theta)
        log_loss, gradient = losses.log_mean(theta)
        theta = theta - step * np.exp(log_loss) * gradient
    return found


def _stages(objective: Objective, bound: float) -> list[GroupedLosses]:
    """Losses to minimise in turn, the last being those meant."""
    if not isinstance(objective, HardestLoss):
        return [grouped(objective)]
    differences = winner_differences(objective.features)
    weights = np.full(differences.shape[:2], np.log(differences.shape[1]))
    return [GroupedLosses(differences, weights, of / bound) for of in _SHARPNESS]


def _on_ball(losses: GroupedLosses, bound: float, start: Floats) -> Floats:
    """The minimiser over B, within the unit ball."""

    def scaled(direction: Floats) -> tuple[float, Floats]:
        value, gradient = losses.log_mean(bound * direction)
        return value, bound * gradient

    ball = {"type": "ineq", "fun": lambda u: 1 - u @ u, "jac": lambda u: -2 * u}
    options = {"ftol": 1e-13, "maxiter": 500}
    found: Any = minimize(
        scaled, start, jac=True, method="SLSQP", constraints=[ball], options=options
    )
    return np.asarray(found.x / max(1.0, float(np.linalg.norm(found.x))))


def _log_softplus(x: Floats) -> Floats:
    """Log of the softplus, which is x where e^x is below the rounding of 1."""
    return np.where(x < -40, x, np.log(np.logaddexp(0, np.maximum(x, -40))))
