"""Theorem 2 by simulation: the loss of HPS as γ grows, and the loss of the hardest negative.

The hardest distribution of Eq. 12 puts all its mass on the loser of the largest r_θ, HPS in the
limit all on that of the largest r_est. The proof takes these for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hps_bench.seeding import numpy_generator
from hps_bench.theory.estimators import Comparisons, Objective, Sampling
from hps_bench.theory.intervals import interval, means_over_seeds
from hps_bench.theory.settings import TheorySettings
from hps_bench.theory.world import Floats, Rankings, draw_rankings, draw_truth

_KEYS = ["responses", "cosine", "gamma"]
_MEASURES = ["gap", "gap_single", "limit", "disagreement", "proof_bound", "hardest"]

_RATE_FROM = 10.0
"""γ from which the fall of the gap is measured: below, it is not yet a power of γ."""
_ROUNDING = 1e-12


def tables(settings: TheorySettings) -> dict[str, pd.DataFrame]:
    """Everything simulated for Theorem 2, one row per seed, and its means over seeds."""
    found = gaps(settings)
    return {
        "gaps": found,
        "gaps-means": means_over_seeds(found, _KEYS, _MEASURES),
        "gaps-rates": rates(found),
    }


def gaps(settings: TheorySettings) -> pd.DataFrame:
    """Gap between the hardest loss and the HPS loss, at one θ, over n, γ and the angle of r_est.

    Returns:
        One row per seed, responses, cosine (of r_est's parameter with θ) and gamma. All are
        means over prompts: ``gap`` and ``gap_single`` are L*_Π less the loss in expectation
        (Eq. 8) and less that of single draws, averaged over draws; ``limit`` the gap at γ = ∞;
        ``disagreement`` the share of prompts whose hardest loser is not that of r_est;
        ``proof_bound`` what the proof bounds the gap by; ``hardest`` L*_Π itself.
    """
    grid = settings.hardest_negative
    rows = [
        {"seed": seed, "responses": n, "cosine": cosine, **row}
        for seed in range(settings.seeds)
        for n in grid.responses
        for cosine in grid.cosines
        for row in _rows_of_gammas(settings, seed, n, cosine)
    ]
    return pd.DataFrame(rows)


def rates(found: pd.DataFrame) -> pd.DataFrame:
    """Slopes of log gap against log γ, from γ = 10 on, where r_est = r_θ.

    A gap of one prompt falls like e^{−γΔ}, Δ being the lead of the hardest loser. Over prompts
    leads come arbitrarily close to 0, and the mean falls like 1/γ².

    Returns:
        One row per responses: mean, low, high over seeds, and seeds.
    """
    own = found[
        (found["cosine"] == 1) & (found["gamma"] >= _RATE_FROM) & (found["gap"] > _ROUNDING)
    ]
    rows = []
    for n, part in own.groupby("responses", sort=False):
        lines = [
            np.polyfit(np.log(line["gamma"]), np.log(line["gap"]), 1)[0]
            for _, line in part.groupby("seed")
            if len(line) > 1
        ]
        if lines:
            rows.append({"responses": n, **interval(pd.Series(lines))})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class HardestLoss(Objective):
    """L*_Π: the winner against the loser of the largest r_θ, N times (Eq. 12). Convex, with kinks.

    ``features`` are of whole lists, best first.
    """

    def losses(self, rewards: Floats) -> tuple[Floats, Floats]:
        """Losses and one of their subgradients."""
        weights = hardest_shares(rewards[:, 1:]) + np.log(rewards.shape[1] - 1)
        return Comparisons(self.features, np.pad(weights, ((0, 0), (1, 0)))).losses(rewards)


def hardest(sampling: Sampling) -> Objective:
    """The best against the hardest negative under θ itself: Eq. 8 at γ = ∞ if r_est were r_θ."""
    return HardestLoss(sampling.rankings.features)


def runner_up(sampling: Sampling) -> Objective:
    """The best against the hardest negative by r_est, N times: Eq. 8 at γ = ∞."""
    shares = hardest_shares(sampling.rankings.estimates[:, 1:])
    return sampling.against_all(shares + sampling.log_count)


def hardest_shares(scores: Floats) -> Floats:
    """All mass on the loser of the largest score, in equal parts where several have it.

    Args:
        scores: of the losers, shape (m, n − 1).

    Returns:
        Log of the mass, shape (m, n − 1).
    """
    largest = scores == scores.max(axis=1, keepdims=True)
    count = largest.sum(axis=1, keepdims=True)
    return np.where(largest, -np.log(count), -np.inf)


def expected_losses(rewards: Floats, log_q: Floats) -> Floats:
    """Loss of Eq. 8, −log(e^{r_1} / (e^{r_1} + N·E_q e^r)).

    Args:
        rewards: r_θ, winner first, shape (m, n).
        log_q: log of the distribution over losers, shape (m, n − 1).

    Returns:
        Shape (m,).
    """
    count = np.log(rewards.shape[1] - 1)
    weights = np.pad(log_q + count, ((0, 0), (1, 0)))
    return Comparisons(rewards[..., None], weights).losses(rewards)[0]


def drawn_losses(rewards: Floats, log_q: Floats) -> Floats:
    """Mean over draws y ~ q of the loss against y alone, −log(e^{r_1} / (e^{r_1} + N·e^{r_y})).

    At most ``expected_losses``, by Jensen's inequality; arguments and result are the same.
    """
    count = np.log(rewards.shape[1] - 1)
    losses = np.logaddexp(0, count + rewards[:, 1:] - rewards[:, :1])
    return np.asarray((np.exp(log_q) * losses).sum(axis=1))


def proof_bound(largest: float, losers: int, gamma: float) -> float:
    """What the proof of Theorem 2 bounds the gap by, where r_est = r_θ.

    e^{2α_0} E, with E ≤ ε + 2α_0 P(B_ε) and P(B_ε) ≤ e^{−εγ/2} / p_ε, at the ε for which that is
    least. The proof has 2 for 2α_0, the largest distance of two rewards. Of N losers one at
    least is the hardest: p_ε ≥ 1/N.

    Args:
        largest: α_0, with |r_θ| ≤ α_0.
        losers: N = n − 1.
        gamma: γ.
    """
    widest = 2 * largest
    if gamma > 0 and (scale := largest * losers * gamma) > 1:
        widest = min(widest, 2 * (1 + np.log(scale)) / gamma)
    return float(np.exp(2 * largest) * widest)


def _rows_of_gammas(
    settings: TheorySettings, seed: int, n: int, cosine: float
) -> Iterator[dict[str, Any]]:
    rankings = _rankings(settings, seed, n, cosine)
    rewards, losers = rankings.rewards, rankings.rewards[:, 1:]
    largest = settings.hardest_negative.world.norm
    rng = numpy_generator(0)
    hardest = expected_losses(rewards, hardest_shares(losers))
    at_infinity = expected_losses(rewards, hardest_shares(rankings.estimates[:, 1:]))
    apart = rankings.estimates[:, 1:].argmax(axis=1) != losers.argmax(axis=1)
    for gamma in settings.hardest_negative.gammas:
        log_q = Sampling(rankings, gamma, rng).log_hardness
        yield {
            "gamma": gamma,
            "gap": float((hardest - expected_losses(rewards, log_q)).mean()),
            "gap_single": float((hardest - drawn_losses(rewards, log_q)).mean()),
            "limit": float((hardest - at_infinity).mean()),
            "disagreement": float(apart.mean()),
            "proof_bound": proof_bound(largest, n - 1, gamma),
            "hardest": float(hardest.mean()),
        }


def _rankings(settings: TheorySettings, seed: int, n: int, cosine: float) -> Rankings:
    """Lists whose r* stands for r_θ; of a seed they differ in r_est alone."""
    grid = settings.hardest_negative
    world = grid.world.model_copy(update={"estimate_cosine": cosine})
    rng = numpy_generator(settings.seed, "theory", "hardest-negative", seed, n)
    return draw_rankings(world, draw_truth(world, rng), grid.prompts, n, rng)
