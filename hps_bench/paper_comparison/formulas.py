"""Figures by what they are about, and the arithmetic of claims on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hps_bench.paper_comparison.records import FigureKey
from hps_bench.tables.table import BASELINE, Group, RowKey

Number = NDArray[np.float64]
"""One number, or one per resample: shape () or (resamples,)."""

Truth = NDArray[np.bool_]
"""Whether something holds, once or for each resample."""

HH, PKU = "hh-rlhf", "pku-saferlhf"
REWARDS = ("dpo", "exo", "ipo", "sppo", "nca")
MARGINS = ("rm_dpo", "rm_rdpo")
QUALITY = ("bleu", "reward_score")


@dataclass(frozen=True)
class Figures:
    """Figures by what they are about; a figure that is not there is a ``KeyError``."""

    values: Mapping[FigureKey, Number]

    def of(
        self,
        column: str,
        policy: str,
        evaluated_on: str,
        trained_on: str = "",
        responses: int = 100,
        beta: float = 0.1,
    ) -> Number:
        """A metric of a policy such as ``dpo-hps``, or of ``sft``.

        Args:
            column: published column, for example ``rm_dpo``.
            policy: reward and method, or ``sft``.
            evaluated_on: test set.
            trained_on: training set where it is another one.
            responses: n.
            beta: β.
        """
        if policy == BASELINE.method:
            return self.values[column, BASELINE, Group("", evaluated_on)]
        reward, method = policy.split("-")
        key = RowKey(reward, method, responses, beta)
        return self.values[column, key, Group(trained_on or evaluated_on, evaluated_on)]

    def against(self, column: str, opponent: str, evaluated_on: str) -> Number:
        """Per cent of prompts that DPO-HPS wins, loses or ties (Table 4)."""
        key = RowKey("dpo", "hps", 100, 0.1, opponent)
        return self.values[column, key, Group(evaluated_on, evaluated_on)]

    def rated(self, policy: str) -> Number:
        """Quality by human raters (Table 3)."""
        if policy == BASELINE.method:
            return self.values["quality_score", BASELINE, Group("", "")]
        reward, method = policy.split("-")
        return self.values["quality_score", RowKey(reward, method, 100, 0.1), Group("", "")]

    def hours(self, method: str) -> Number:
        """Hours of training."""
        return self.values["wall_hours", RowKey("", method, None, None), Group("", "")]


Function = Callable[[Figures], Number]
Comparisons = Callable[[Figures], Iterable[Truth]]


@dataclass(frozen=True)
class Formula:
    """One way to compute a claimed figure.

    Attributes:
        description: in words or symbols.
        function: of all figures; raises ``KeyError`` where one is not there.
        variant: what it takes as the baseline, where a claim tries several.
        comparisons: those that are counted, if that is what the formula does.
    """

    description: str
    function: Function
    variant: str = ""
    comparisons: Comparisons | None = None


def improvement(ours: Number, baseline: Number) -> Number:
    """Relative improvement in per cent, by the size of the baseline, which may be negative."""
    return np.asarray(100 * (ours - baseline) / np.abs(baseline))


def mean(numbers: Iterable[Number]) -> Number:
    """Their mean."""
    return np.asarray(np.mean(list(numbers), axis=0))


def spread(numbers: Iterable[Number]) -> Number:
    """The largest less the smallest."""
    return np.asarray(np.ptp(list(numbers), axis=0))
