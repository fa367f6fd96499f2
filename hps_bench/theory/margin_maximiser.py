"""Directions of the largest reward margin of a linear reward: what Theorem 3 speaks of.

The margin of a prompt under θ is min_j ⟨θ, z_j⟩, with z_j = φ(x, y_τ(1)) − φ(x, y_τ(j)): how far
the winner stands above the hardest loser. It is homogeneous in θ: without a bound on ‖θ‖ it has
no largest value, unless that is 0. All functions bound ‖θ‖ by 1, and find the largest margin as
the shortest vector of a convex set (von Neumann's minimax theorem): the margin is its length, the
direction is its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]

_TOLERANCE = 1e-10
_LONGEST_SEARCH = 1000


def winner_differences(features: Floats) -> Floats:
    """Features of the winner less those of each loser, z: (m, n, d) best first to (m, n − 1, d)."""
    return features[:, :1] - features[:, 1:]


def hardest_margins(differences: Floats, theta: Floats) -> Floats:
    """Margin of the winner over the hardest loser, min_j ⟨θ, z_j⟩: (m, n − 1, d) to (m,)."""
    return np.asarray((differences @ theta).min(axis=1))


def largest_least_margin(differences: Floats) -> Floats:
    """The θ, ‖θ‖ ≤ 1, of the largest margin of the worst prompt, times that margin.

    Support vector machine without offset; the limit of the directions of logistic losses on
    separable data (Rosset, Zhu and Hastie 2004).

    Args:
        differences: shape (m, n − 1, d).

    Returns:
        Shape (d,); 0 where no direction ranks all winners first.
    """
    shortest, _ = _shortest(differences.reshape(-1, differences.shape[-1]))
    return shortest


def largest_mean_margin(differences: Floats) -> Floats:
    """The θ, ‖θ‖ ≤ 1, of the largest mean margin over prompts, times that mean.

    Equation 14 of the paper, averaged over prompts as its proof has it.

    Args:
        differences: shape (m, n − 1, d).

    Returns:
        Shape (d,); 0 where every direction has a negative mean: θ = 0 is then the largest.
    """
    scale = float(np.square(differences).sum(axis=-1).max())
    vertices = np.array([_hardest_mean(differences, differences.mean(axis=(0, 1)))])
    for _ in range(_LONGEST_SEARCH):
        shortest, weights = _shortest(vertices)
        vertex = _hardest_mean(differences, shortest)
        if shortest @ (shortest - vertex) <= _TOLERANCE * scale:
            break
        vertices = np.vstack([vertices[weights > 0], vertex])
    return shortest


def largest_prompt_margins(differences: Floats) -> Floats:
    """Largest margin of each prompt by itself, if θ, ‖θ‖ ≤ 1, were its own: shape (m,)."""
    return np.array([np.linalg.norm(_shortest(prompt)[0]) for prompt in differences])


def _hardest_mean(differences: Floats, theta: Floats) -> Floats:
    """Mean over prompts of the z that is hardest under θ: a subgradient of the mean margin."""
    hardest = (differences @ theta).argmin(axis=1)
    return np.asarray(differences[np.arange(len(hardest)), hardest].mean(axis=0))


def _shortest(points: Floats) -> tuple[Floats, Floats]:
    """Shortest vector of the convex hull of points (k, d), and its weights on them, (k,).

    Least squares of weights that are not negative, with one more equation that they sum to 1:
    its solution is the shortest vector's but for a factor.
    """
    system = np.vstack([points.T, np.ones(len(points))])
    weights, _ = nnls(system, np.eye(len(system))[-1])
    weights /= weights.sum()
    return np.asarray(weights @ points), weights
