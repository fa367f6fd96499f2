"""Worlds in which the true parameter is known: features, rewards, rankings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hps_bench.theory.settings import World

Floats = NDArray[np.float64]

_RARE = 0.15
"""How often a response has each property of skewed features."""

_BEND = 0.75
"""Size of the quadratic term, as a share of ‖θ*‖."""


@dataclass(frozen=True)
class Truth:
    """Parameters of a world's rewards, <θ, φ> − <b, φ>².

    Attributes:
        theta: θ* of the true reward r*, shape (d,).
        estimate: θ of the estimated reward r_est, of the same norm, shape (d,).
        bend: b of both, shape (d,); 0 where rewards are linear.
    """

    theta: Floats
    estimate: Floats
    bend: Floats

    def rewards(self, features: Floats) -> Floats:
        """True rewards r* of features (..., d), shape (...)."""
        return np.asarray(features @ self.theta - (features @ self.bend) ** 2)

    def estimated_rewards(self, features: Floats) -> Floats:
        """Estimated rewards r_est of features (..., d), shape (...)."""
        return np.asarray(features @ self.estimate - (features @ self.bend) ** 2)


@dataclass(frozen=True)
class Rankings:
    """m ranked lists of n responses, best first.

    Attributes:
        features: φ(x, y), shape (m, n, d).
        rewards: r*, shape (m, n).
        estimates: r_est, shape (m, n).
    """

    features: Floats
    rewards: Floats
    estimates: Floats

    def taken(self, order: NDArray[np.int64]) -> Rankings:
        """The lists with their responses in another order (m, n), or some of them (m, k)."""
        return Rankings(
            np.take_along_axis(self.features, order[..., None], axis=1),
            np.take_along_axis(self.rewards, order, axis=1),
            np.take_along_axis(self.estimates, order, axis=1),
        )

    @property
    def covariance(self) -> Floats:
        """Σ_D of Theorem 1, the mean of z zᵀ over pairs of a list, shape (d, d).

        Over all pairs Σ_{j<k} z zᵀ = n Σ_j φ_j φ_jᵀ − (Σ_j φ_j)(Σ_j φ_j)ᵀ.
        """
        m, n, d = self.features.shape
        centred = self.features - self.features.mean(axis=1, keepdims=True)
        flat = centred.reshape(m * n, d)
        return np.asarray(2 * flat.T @ flat / (m * (n - 1)))


def draw_truth(world: World, rng: np.random.Generator) -> Truth:
    """Draw θ* of any direction, r_est's parameter at its angle to it, and a bend at 45° to it.

    On the sphere the bend is orthogonal to all linear rewards: in the mean square, θ* stays the
    best of them.
    """
    first, second, third = np.linalg.qr(rng.normal(size=(world.dimension, 3)))[0].T
    cosine = world.estimate_cosine
    bend = np.sqrt(_BEND * world.norm / 2) * (first + third)
    return Truth(
        theta=world.norm * first,
        estimate=world.norm * (cosine * first + np.sqrt(1 - cosine**2) * second),
        bend=bend if world.reward == "quadratic" else np.zeros(world.dimension),
    )


def draw_features(world: World, prompts: int, responses: int, rng: np.random.Generator) -> Floats:
    """Draw features of norm at most 1, shape (m, n, d).

    Skewed features are rare properties, present or not, and centred: a law that is not
    elliptical, so that an estimator may err in direction.
    """
    shape = (prompts, responses, world.dimension)
    if world.features == "skewed":
        return np.asarray(((rng.random(shape) < _RARE) - _RARE) / np.sqrt(world.dimension))
    normal = rng.normal(size=shape)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True))


def draw_rankings(
    world: World, truth: Truth, prompts: int, responses: int, rng: np.random.Generator
) -> Rankings:
    """Draw lists of responses and rank them as the world's labels do."""
    features = draw_features(world, prompts, responses, rng)
    drawn = Rankings(features, truth.rewards(features), truth.estimated_rewards(features))
    if world.labels == "argmax":
        return drawn.taken(np.argsort(-drawn.estimates, axis=1, kind="stable"))
    # Sorting r* + Gumbel noise draws from the Plackett-Luce model (Yellott 1977).
    noisy = drawn.rewards + rng.gumbel(size=drawn.rewards.shape)
    return drawn.taken(np.argsort(-noisy, axis=1, kind="stable"))
