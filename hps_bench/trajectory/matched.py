"""Margins of several policies at the same distance from the reference model.

A policy's margin grows as long as it is trained, and with n; so does its KL from the reference
model. Compared at the end of training, the policy that has gone furthest looks best. Here each is
compared where it had gone as far as the one that has gone least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """KL and margin of one policy at the points of its training, from step 0 to the end.

    Attributes:
        kl: KL(π ‖ π_ref) on the preferred response, nats, shape (prompts, points).
        margins: RM_DPO, nats, shape (prompts, points).
    """

    kl: Array
    margins: Array


def margin_at(kl: Array, margins: Array, target: Array) -> Array:
    """Margin where a training first reaches a KL, between two points by a straight line.

    Args:
        kl: of m trainings at their points, shape (m, points); 0 at the first.
        margins: likewise.
        target: KL to reach, shape (m,).

    Returns:
        Shape (m,); the margin at the last point where the target is never reached.
    """
    reached = kl >= target[:, None]
    last = kl.shape[1] - 1
    after = np.where(reached.any(axis=1), reached.argmax(axis=1), last)
    rows, before = np.arange(len(kl)), np.maximum(after - 1, 0)
    gap = kl[rows, after] - kl[rows, before]
    way = np.divide(target - kl[rows, before], gap, out=np.ones_like(gap), where=gap > 0)
    start, end = margins[rows, before], margins[rows, after]
    return np.asarray(start + np.clip(way, 0.0, 1.0) * (end - start))


def matched_terms(own: Course, others: Sequence[Course]) -> Array:
    """Summands by prompt of what :func:`matched_margin` takes.

    Args:
        own: course of the policy.
        others: courses of those that it is compared with, on the same prompts.

    Returns:
        A one, the policy's KL and margins, and final KL of the others; shape
        (prompts, 1 + 2 × points + others).
    """
    finals = [course.kl[:, -1] for course in others]
    return np.column_stack([np.ones(len(own.kl)), own.kl, own.margins, *finals])


def matched_margin(sums: Array, points: int) -> Array:
    """Mean margin of a policy where its mean KL first is the smallest final one of all.

    Args:
        sums: of :func:`matched_terms` over prompts, shape (m, k).
        points: of the policy's training.

    Returns:
        Shape (m,).
    """
    means = sums[:, 1:] / sums[:, :1]
    kl, margins = means[:, :points], means[:, points : 2 * points]
    return margin_at(kl, margins, matched_kl(sums, points))


def matched_kl(sums: Array, points: int) -> Array:
    """Smallest final mean KL of a policy and those that it is compared with, shape (m,)."""
    finals = np.column_stack([sums[:, points], sums[:, 1 + 2 * points :]])
    return np.asarray(finals.min(axis=1) / sums[:, 0])
