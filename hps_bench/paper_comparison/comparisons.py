"""Comparisons that the paper claims to hold, as generators of what holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product

import numpy as np

from hps_bench.paper_comparison.formulas import (
    HH,
    MARGINS,
    PKU,
    REWARDS,
    Comparisons,
    Figures,
    Formula,
    Number,
    Truth,
)

Place = tuple[str, str]
"""Test set and training set."""

FINE_TUNING: tuple[Place, ...] = ((HH, HH), (PKU, PKU))
TRANSFER: tuple[Place, ...] = ((HH, PKU), (PKU, HH))
SIZES = (5, 20, 50, 100)
BETAS = (0.1, 0.25, 0.5, 0.75, 1.0)

_OTHERS = ("bt", "pl")
_OPPONENTS = {"sft": "sft", "bt": "dpo-bt", "pl": "dpo-pl"}


def counted(description: str, comparisons: Comparisons) -> Formula:
    """Formula of how many comparisons hold."""

    def function(figures: Figures) -> Number:
        holding = [np.asarray(holds, dtype=float) for holds in comparisons(figures)]
        return np.asarray(np.sum(holding, axis=0))

    return Formula(description, function, comparisons=comparisons)


def ahead_within_rewards(places: Sequence[Place]) -> Comparisons:
    """For each reward, margin and place: HPS is above both BT and PL."""

    def comparisons(figures: Figures) -> Iterator[Truth]:
        for place, reward, margin in product(places, REWARDS, MARGINS):
            ours, *others = (
                figures.of(margin, f"{reward}-{method}", *place) for method in ("hps", *_OTHERS)
            )
            yield np.greater(ours, np.maximum(*others))

    return comparisons


def ahead_in_columns(columns: Sequence[str], above: Callable[..., Truth]) -> Comparisons:
    """For each column of Tables 2 and 5: the best row of HPS is above that of the others.

    Args:
        columns: published columns.
        above: ``np.greater``, or ``np.greater_equal`` where level is enough.
    """

    def best(figures: Figures, column: str, place: Place, methods: Sequence[str]) -> Number:
        policies = (f"{reward}-{method}" for reward, method in product(REWARDS, methods))
        numbers = [figures.of(column, policy, *place) for policy in policies]
        return np.asarray(np.max(numbers, axis=0))

    def comparisons(figures: Figures) -> Iterator[Truth]:
        for place, column in product((*FINE_TUNING, *TRANSFER), columns):
            ours, others = (best(figures, column, place, of) for of in (("hps",), _OTHERS))
            yield above(ours, others)

    return comparisons


def below_zero(policies: Sequence[str]) -> Comparisons:
    """For each policy and margin on HH-RLHF: it is below 0."""
    return lambda figures: (
        np.less(figures.of(margin, policy, HH), 0) for policy, margin in product(policies, MARGINS)
    )


def above_zero(policy: str) -> Comparisons:
    """For each margin of a policy on HH-RLHF: it is above 0."""
    return lambda figures: (np.greater(figures.of(margin, policy, HH), 0) for margin in MARGINS)


def rated_higher() -> Comparisons:
    """For SFT, DPO-BT and DPO-PL: raters give DPO-HPS a higher score."""
    return lambda figures: (
        np.greater(figures.rated("dpo-hps"), figures.rated(policy))
        for policy in _OPPONENTS.values()
    )


def wins_more_often() -> Comparisons:
    """For each test set and opponent: DPO-HPS wins more prompts than it loses."""
    return lambda figures: (
        np.greater(
            figures.against("win", opponent, dataset), figures.against("lose", opponent, dataset)
        )
        for dataset, opponent in product((HH, PKU), _OPPONENTS)
    )


def win_rates(figures: Figures) -> list[Number]:
    """The six win rates of Table 4."""
    return [
        figures.against("win", opponent, dataset)
        for dataset, opponent in product((HH, PKU), _OPPONENTS)
    ]


def rewarded_higher(above: Callable[..., Truth]) -> Comparisons:
    """For each test set and opponent of Table 4: the Reward of DPO-HPS is above the opponent's."""
    return lambda figures: (
        above(
            figures.of("reward_score", "dpo-hps", dataset),
            figures.of("reward_score", policy, dataset),
        )
        for dataset, policy in product((HH, PKU), _OPPONENTS.values())
    )


def rises_with_n(policy: str, margin: str) -> Comparisons:
    """For each step of n on HH-RLHF: the margin rises."""
    return lambda figures: (
        np.greater(after, before)
        for before, after in pairwise(
            figures.of(margin, policy, HH, responses=size) for size in SIZES
        )
    )


def gains_more_from_n() -> Comparisons:
    """For each margin on HH-RLHF: from n = 5 to 100 DPO-HPS gains more than DPO-BT."""

    def gain(figures: Figures, policy: str, margin: str) -> Number:
        first, last = (
            figures.of(margin, policy, HH, responses=size) for size in (SIZES[0], SIZES[-1])
        )
        return last - first

    return lambda figures: (
        np.greater(gain(figures, "dpo-hps", margin), gain(figures, "dpo-bt", margin))
        for margin in MARGINS
    )


def ahead_at_beta() -> Comparisons:
    """For each β: RM_R-DPO of DPO-HPS is above that of DPO-BT."""
    return lambda figures: (
        np.greater(
            figures.of("rm_rdpo", "dpo-hps", HH, beta=beta),
            figures.of("rm_rdpo", "dpo-bt", HH, beta=beta),
        )
        for beta in BETAS
    )


def ahead_at_kl() -> Comparisons:
    """For each β: the same at the KL of DPO-BT, between whose neighbours HPS is interpolated."""

    def comparisons(figures: Figures) -> Iterator[Truth]:
        ours = {
            column: np.stack([figures.of(column, "dpo-hps", HH, beta=beta) for beta in BETAS])
            for column in ("kl", "rm_rdpo")
        }
        for beta in BETAS:
            kl = figures.of("kl", "dpo-bt", HH, beta=beta)
            matched = _interpolated(np.asarray(kl), ours["kl"], ours["rm_rdpo"])
            yield np.greater(matched, figures.of("rm_rdpo", "dpo-bt", HH, beta=beta))

    return comparisons


def _interpolated(at: Number, x: Number, y: Number) -> Number:
    """Linear interpolation for each resample: ``at`` of shape (…), x and y of (points, …)."""
    columns = zip(at.ravel(), x.reshape(len(x), -1).T, y.reshape(len(y), -1).T, strict=True)
    found = [np.interp(place, np.sort(of), to[np.argsort(of)]) for place, of, to in columns]
    return np.reshape(found, at.shape)


def transfer_above_own(policy: str) -> Comparisons:
    """RM_DPO on PKU-SafeRLHF: trained on HH-RLHF it is above trained on PKU-SafeRLHF."""
    return lambda figures: [
        np.greater(figures.of("rm_dpo", policy, PKU, HH), figures.of("rm_dpo", policy, PKU))
    ]
