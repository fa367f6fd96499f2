"""Estimates of θ as each method would make them, by minimising its DPO loss at r_θ = <θ, φ>.

All losses are convex in θ. They are those of ``hps_bench.losses.dpo``, with their gradients.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp, softmax

from hps_bench.plan.comparisons import draw_corrections
from hps_bench.plan.settings import GammaSchedule
from hps_bench.theory.world import Floats, Rankings

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Objective(ABC):
    """The mean loss of m lists as a function of θ.

    Attributes:
        features: features that the loss sees, best first; shape (m, k, d).
    """

    features: Floats

    def loss(self, theta: Floats) -> tuple[float, Floats]:
        """Mean loss at θ and its gradient, shape (d,)."""
        losses, slopes = self.losses(self.features @ theta)
        gradient = np.tensordot(slopes, self.features, axes=2) / len(losses)
        return float(losses.mean()), np.asarray(gradient)

    @abstractmethod
    def losses(self, rewards: Floats) -> tuple[Floats, Floats]:
        """Losses (m,) at rewards r_θ (m, k), and their derivatives by rewards (m, k)."""


@dataclass(frozen=True)
class Comparisons(Objective):
    """A winner against losers, −log σ(r_1 − log Σ_l w_l e^{r_l}): ``losses.dpo.comparison``.

    Attributes:
        log_weights: log of how often a loser counts, shape (m, k); column 0 is ignored.
    """

    log_weights: Floats

    def losses(self, rewards: Floats) -> tuple[Floats, Floats]:
        """Losses and their derivatives."""
        scores = rewards + self.log_weights
        scores[:, 0] = rewards[:, 0]
        slopes = softmax(scores, axis=1)
        slopes[:, 0] -= 1
        return logsumexp(scores, axis=1) - rewards[:, 0], slopes


@dataclass(frozen=True)
class Orders(Objective):
    """Whole rankings, Σ_{j<n} −log σ(r_j − log Σ_{k>j} e^{r_k}): ``losses.dpo.ranking``."""

    def losses(self, rewards: Floats) -> tuple[Floats, Floats]:
        """Losses and their derivatives."""
        rest = np.logaddexp.accumulate(rewards[:, ::-1], axis=1)[:, ::-1]
        # Response k is in the stages j ≤ k, chosen there with probability e^{r_k − rest_j}.
        chosen = np.exp(rewards + np.logaddexp.accumulate(-rest, axis=1))
        return (rest - rewards).sum(axis=1), chosen - 1


@dataclass(frozen=True)
class Sampling:
    """What a method draws its comparisons from.

    Attributes:
        rankings: m lists of n responses.
        gamma: hardness γ, of all lists or of each, shape (m, 1).
        rng: draws pairs and negatives.
    """

    rankings: Rankings
    gamma: float | Floats
    rng: np.random.Generator

    @property
    def log_hardness(self) -> Floats:
        """Log of q over the negatives, q ∝ exp(γ·r_est) (Eq. 9), shape (m, n − 1)."""
        return np.asarray(log_softmax(self.gamma * self.rankings.estimates[:, 1:], axis=1))

    @property
    def log_count(self) -> float:
        """Log of N = n − 1."""
        return float(np.log(self.rankings.rewards.shape[1] - 1))

    def negatives(self) -> Positions:
        """Draw one negative of each list from q; its position in the ranking, shape (m,)."""
        log_q = self.log_hardness
        return np.asarray((log_q + self.rng.gumbel(size=log_q.shape)).argmax(axis=1) + 1)

    def against(self, negatives: Positions, log_weights: Floats | float) -> Comparisons:
        """The best of each list against the response at a position (m,), with weight (m,)."""
        positions = np.column_stack([np.zeros_like(negatives), negatives])
        features = np.take_along_axis(self.rankings.features, positions[..., None], axis=1)
        weights = np.zeros(positions.shape)
        weights[:, 1] = log_weights
        return Comparisons(features, weights)

    def against_all(self, log_weights: Floats) -> Comparisons:
        """The best of each list against all others, with weights (m, n − 1)."""
        return Comparisons(self.rankings.features, np.pad(log_weights, ((0, 0), (1, 0))))


def ranking(sampling: Sampling) -> Objective:
    """PL: every response against all ranked below it (Eq. 4)."""
    return Orders(sampling.rankings.features)


def top_choice(sampling: Sampling) -> Objective:
    """The best against all others, each once (Eq. 6): HPS in full with N at γ = 0."""
    return sampling.against_all(np.zeros_like(sampling.rankings.rewards[:, 1:]))


def best_against_worst(sampling: Sampling) -> Objective:
    """BT as in the paper: the most against the least preferred response."""
    m, n = sampling.rankings.rewards.shape
    return sampling.against(np.full(m, n - 1), 0.0)


def random_pair(sampling: Sampling) -> Objective:
    """BT as in its model: two responses drawn without looking, in the order of the ranking."""
    drawn = sampling.rng.random(sampling.rankings.rewards.shape).argsort(axis=1)[:, :2]
    pairs = sampling.rankings.taken(np.sort(drawn, axis=1))
    return Comparisons(pairs.features, np.zeros(drawn.shape))


def hard_negative(sampling: Sampling) -> Objective:
    """HPS: the best against one negative drawn from q (Eq. 9), which counts once."""
    return sampling.against(sampling.negatives(), 0.0)


def hard_negative_n(sampling: Sampling) -> Objective:
    """HPS: the best against one negative drawn from q, which counts N times (Eq. 8)."""
    return sampling.against(sampling.negatives(), sampling.log_count)


def corrected_negative(sampling: Sampling) -> Objective:
    """The best against one negative drawn from q, weighted to make up for the draw (McFadden)."""
    drawn = sampling.negatives()
    estimates = sampling.rankings.estimates
    return sampling.against(drawn, draw_corrections(estimates, sampling.gamma, drawn))


def hard_negatives(sampling: Sampling) -> Objective:
    """HPS: the best against all negatives, weighted by q (Eq. 10 read literally)."""
    return sampling.against_all(sampling.log_hardness)


def hard_negatives_n(sampling: Sampling) -> Objective:
    """HPS: the best against all negatives, weighted by N·q (Eq. 8)."""
    return sampling.against_all(sampling.log_hardness + sampling.log_count)


def scheduled_negative(sampling: Sampling) -> Objective:
    """HPS as trained: one negative a list, γ in equal stages over the lists (Section 6)."""
    m = len(sampling.rankings.rewards)
    stages = np.array_split(np.arange(m), GammaSchedule().stages)
    gammas = np.repeat(GammaSchedule().values(), [len(stage) for stage in stages])
    return hard_negative(replace(sampling, gamma=gammas[:, None]))


def mean_negative(sampling: Sampling) -> Objective:
    """The loss in the proof of Theorem 1: the best against E_q[r], N times (Appendix B.1)."""
    features = sampling.rankings.features
    mean = np.einsum("mk,mkd->md", np.exp(sampling.log_hardness), features[:, 1:])
    pairs = np.stack([features[:, 0], mean], axis=1)
    return Comparisons(pairs, np.full(pairs.shape[:2], sampling.log_count))


Method = Callable[[Sampling], Objective]

METHODS: dict[str, Method] = {
    "pl": ranking,
    "top-1": top_choice,
    "bt": best_against_worst,
    "bt-random-pair": random_pair,
    "hps": hard_negative,
    "hps-n": hard_negative_n,
    "hps-corrected": corrected_negative,
    "hps-full": hard_negatives,
    "hps-full-n": hard_negatives_n,
    "hps-appendix-b": mean_negative,
    "hps-schedule": scheduled_negative,
}
"""Estimators by name; where ``hps_bench.plan.settings`` has the name, it is the same method."""

WITHOUT_GAMMA = ("pl", "top-1", "bt", "bt-random-pair", "hps-schedule")
"""Estimators that have no γ, or a schedule of it."""

_PRECISE = {"ftol": 1e-14, "gtol": 1e-8, "maxiter": 500}


def fit(objective: Objective, bound: float | None) -> Floats:
    """Minimise the mean loss over θ, among ‖θ‖ ≤ B where a bound is given.

    Without a bound the loss of separable comparisons has no minimum, and θ is where the
    optimiser stopped.

    Returns:
        θ, shape (d,).
    """
    start = np.zeros(objective.features.shape[-1])
    free: Any = minimize(objective.loss, start, jac=True, method="L-BFGS-B", options=_PRECISE)
    norm = np.linalg.norm(free.x)
    if bound is None or norm <= bound:
        return np.asarray(free.x)
    inside = {
        "type": "ineq",
        "fun": lambda theta: (bound**2 - theta @ theta) / 2,
        "jac": lambda theta: -theta,
    }
    within: Any = minimize(
        objective.loss,
        free.x * bound / norm,
        jac=True,
        method="SLSQP",
        constraints=[inside],
        options={"ftol": 1e-12, "maxiter": 200},
    )
    return np.asarray(within.x)
