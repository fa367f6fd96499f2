"""Mean scores of policies, and which of two policies wins how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from hps_bench.judge.verdicts import Array, IntervalOf, Shares, p_values, shares
from hps_bench.seeding import numpy_generator
from hps_bench.statistics import Interval, holm, mean_interval
from hps_bench.study.criteria import OVERALL
from hps_bench.tables.settings import TableSettings

_DECIMALS = 9


@dataclass(frozen=True)
class MeanScore:
    """A mean over raters and prompts, and the bounds that the bootstrap gives it.

    Attributes:
        mean: of each rater's mean.
        low: lower bound.
        high: upper bound.
        raters: who gave at least one score.
        prompts: with at least one score.
    """

    mean: float
    low: float
    high: float
    raters: int
    prompts: int


@dataclass(frozen=True)
class WinRate:
    """How often the first of two policies is rated higher than the second.

    Attributes:
        shares: per cent of prompts.
        p_sign: two-sided sign test over prompts, after Holm over all pairs.
        p_signed_rank: Wilcoxon's signed-rank test likewise.
    """

    first: str
    second: str
    shares: Shares
    p_sign: float
    p_signed_rank: float


def mean_score(
    ratings: pd.DataFrame, policy: str, score: str, settings: TableSettings
) -> MeanScore | None:
    """Mean of a score of a policy, with an interval for other raters and other prompts.

    A resample draws raters with replacement and, for all of them, items: the pigeonhole bootstrap
    (Owen 2007, "The pigeonhole bootstrap"), which is rather too wide than too narrow.

    Args:
        ratings: columns ``rater``, ``item``, ``policy`` and the score.
        policy: whose responses.
        score: one of ``SCORES``.
        settings: level, resamples and seed.

    Returns:
        None where there is no such score.
    """
    # All policies have the same items and raters, so that all draw the same resamples.
    places = {name: sorted(ratings[name].unique()) for name in ("rater", "item")}
    by_item = _by_item(ratings[ratings["policy"] == policy], ["rater", "item"], score)
    table = by_item.unstack("item").reindex(index=places["rater"], columns=places["item"])
    values = table.to_numpy(dtype=float)
    if not np.isfinite(values).any():
        return None
    # Raters stand where the bootstrap has seeds: both are drawn apart from the prompts.
    of = _intervals(settings, score)(list(values))
    return MeanScore(of.mean, of.low, of.high, raters=of.seeds, prompts=of.prompts)


def win_rates(
    ratings: pd.DataFrame, policies: Sequence[str], settings: TableSettings
) -> list[WinRate]:
    """Win rates of every two policies, the later one named first.

    The overall scores of a response are averaged over its raters, and two policies compared on
    each prompt by these averages (Appendix D.2.1).

    Args:
        ratings: columns ``item``, ``policy`` and ``overall``.
        policies: in the order of the table.
        settings: level, resamples and seed.
    """
    means = _by_item(ratings, ["policy", "item"], OVERALL).unstack("policy")
    rated = [policy for policy in policies if policy in means]
    pairs = [(late, early) for early, late in combinations(rated, 2)]
    # Rounded, so that equal differences share a rank.
    differences = [
        (means[first] - means[second]).round(_DECIMALS).to_numpy(dtype=float)
        for first, second in pairs
    ]
    found = [shares([of], _intervals(settings, "wins")) for of in differences]
    tested = [p_values([of]) for of in differences]
    signs, ranks = (holm([p[test] for p in tested]) for test in (0, 1))
    return [
        WinRate(*pair, share, sign, rank)
        for pair, share, sign, rank in zip(pairs, found, signs, ranks, strict=True)
        if share
    ]


def _by_item(ratings: pd.DataFrame, keys: list[str], score: str) -> pd.Series:
    return ratings.groupby(keys)[score].mean()


def _intervals(settings: TableSettings, use: str) -> IntervalOf:
    """Intervals from the same resamples each time."""

    def interval(values: Sequence[Array]) -> Interval:
        rng = numpy_generator(settings.seed, "study", use)
        return mean_interval(values, rng, settings.level, settings.resamples)

    return interval
