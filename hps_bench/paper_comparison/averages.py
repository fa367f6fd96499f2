"""Ways to average an improvement over rewards: the paper does not say which one it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from hps_bench.paper_comparison.formulas import (
    MARGINS,
    REWARDS,
    Figures,
    Formula,
    Function,
    Number,
    improvement,
)

Average = Callable[[Number, Number], Number]
"""From HPS and its baseline, cases along the first axis, to per cent."""

_MARGIN_SETS = {"RM_DPO": ("rm_dpo",), "RM_R-DPO": ("rm_rdpo",), "both margins": MARGINS}
_BASELINES = {"BT": ("bt",), "PL": ("pl",), "BT and PL": ("bt", "pl")}


def average_improvements(
    evaluated_on: str, trained_on: str, rewards: Sequence[str] = REWARDS
) -> tuple[Formula, ...]:
    """Every combination of a way to average, a margin or both, and a baseline or both.

    Args:
        evaluated_on: test set.
        trained_on: training set.
        rewards: rewards to average over.

    Returns:
        Formulas of per cent, with the baseline as their variant.
    """

    def averaged(average: Average, margins: Sequence[str], methods: Sequence[str]) -> Function:
        cases = list(product(margins, rewards, methods))
        place = (evaluated_on, trained_on)

        def function(figures: Figures) -> Number:
            ours = [figures.of(margin, f"{reward}-hps", *place) for margin, reward, _ in cases]
            base = [figures.of(margin, f"{reward}-{by}", *place) for margin, reward, by in cases]
            return average(np.stack(ours), np.stack(base))

        return function

    return tuple(
        Formula(f"{description}, {title}", averaged(average, margins, methods), baseline)
        for description, average in _AVERAGES.items()
        for title, margins in _MARGIN_SETS.items()
        for baseline, methods in _BASELINES.items()
    )


def _mean_improvement(ours: Number, base: Number) -> Number:
    return np.asarray(np.mean(improvement(ours, base), axis=0))


def _median_improvement(ours: Number, base: Number) -> Number:
    return np.asarray(np.median(improvement(ours, base), axis=0))


def _improvement_of_means(ours: Number, base: Number) -> Number:
    return improvement(ours.mean(axis=0), base.mean(axis=0))


def _mean_share(ours: Number, base: Number) -> Number:
    return np.asarray(np.mean(100 * (ours - base) / np.abs(ours), axis=0))


def _share_of_means(ours: Number, base: Number) -> Number:
    return _mean_share(ours.mean(axis=0, keepdims=True), base.mean(axis=0, keepdims=True))


_AVERAGES: dict[str, Average] = {
    "mean of (HPS − base) / |base|": _mean_improvement,
    "median of (HPS − base) / |base|": _median_improvement,
    "(mean HPS − mean base) / |mean base|": _improvement_of_means,
    "mean of (HPS − base) / |HPS|": _mean_share,
    "(mean HPS − mean base) / |mean HPS|": _share_of_means,
}
