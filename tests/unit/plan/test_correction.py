"""The correction for a drawn negative: by hand, by enumeration, and by estimating θ with it."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from hps_bench.losses import dpo
from hps_bench.losses.batch import RankedBatch
from hps_bench.plan.build import draw_plan
from hps_bench.plan.comparisons import Comparison, best_against_hard, draw, draw_corrections
from hps_bench.plan.ranking import RankedList
from hps_bench.plan.settings import METHODS, HardPreferenceSampling, PlanSettings

Floats = NDArray[np.float64]

CORRECTED = HardPreferenceSampling(estimator="corrected")
TRUE_PARAMETERS = np.array([1.0, -0.5])


def test_three_responses_by_hand() -> None:
    """γ = ln 2 on rewards 2, 1, 0 weighs them 4 : 2 : 1.

    The best draws the others with 2/3 and 1/3; the second draws the best with 4/5, the third
    with 4/6.
    """
    rewards = np.array([2.0, 1.0, 0.0])
    corrections = draw_corrections(rewards, math.log(2), np.array([1, 2]))
    assert corrections == pytest.approx([math.log(4 / 5 / (2 / 3)), math.log(4 / 6 / (1 / 3))])


def test_many_lists_at_once() -> None:
    """The same weights 4 : 2 : 1; in the second list the weakest has won against the strongest.

    It draws the strongest with 4/6 and is drawn by it with 1/3.
    """
    rewards = np.array([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    corrections = draw_corrections(rewards, math.log(2), np.array([1, 1]))
    assert corrections == pytest.approx([math.log(6 / 5), -math.log(2)])


def test_each_drawn_loser_carries_its_correction() -> None:
    """As above for the first winner's set; the second's is rewards 1, 0: two responses, no odds."""
    method = HardPreferenceSampling(estimator="corrected", second_winner_weight=0.5)
    weights = {1: math.log(6 / 5), 2: math.log(2)}
    seen = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        first, second = draw(method, np.array([2.0, 1.0, 0.0]), math.log(2), rng)
        loser = int(first.positions[1])
        seen.add(loser)
        assert first.log_weights.tolist() == [0.0, pytest.approx(weights[loser])]
        assert (second.positions.tolist(), second.weight) == ([1, 2], 0.5)
        assert second.log_weights.tolist() == [0.0, 0.0]
    assert seen == {1, 2}


def test_gamma_zero_is_a_pair_with_a_uniform_draw() -> None:
    """9,000 draws of three negatives; five standard errors of a share are 0.025."""
    rng = np.random.default_rng(3)
    drawn = [draw(CORRECTED, np.array([3.0, 2.0, 2.0, 0.0]), 0.0, rng)[0] for _ in range(9_000)]
    assert all(c.log_weights.tolist() == [0.0, 0.0] for c in drawn)
    shares = np.bincount([c.positions[1] for c in drawn], minlength=4) / len(drawn)
    assert shares == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3], abs=0.025)


def test_the_method_leaves_out_negative_gammas() -> None:
    """Four of five stages have hard negatives, the first blind ones; `hps` starts at −5."""
    method = METHODS["hps-corrected"]
    assert isinstance(method, HardPreferenceSampling)
    assert method.estimator == "corrected"
    assert method.gamma.values() == [0, 1.25, 2.5, 3.75, 5]
    assert CORRECTED.gamma.values() == [-5, -2.5, 0, 2.5, 5]


def test_negative_gammas_teach_next_to_nothing() -> None:
    """Slope of DPO's loss where the policy is the reference: σ of the log-weight, ½ at γ = 0."""
    rewards = np.array([1.5, 0.5, 0.0, -1.0])
    slopes = {}
    for gamma in (-5.0, 0.0, 5.0):
        corrections = draw_corrections(rewards, gamma, np.array([1, 2, 3]))
        exponents = gamma * rewards[1:]
        q = np.exp(exponents - exponents.max())
        slopes[gamma] = float(q @ (1 / (1 + np.exp(-corrections))) / q.sum())
    assert slopes[-5.0] < 0.001
    assert slopes[0.0] == 0.5
    assert slopes[5.0] > 0.5


def test_draws_are_those_of_hps() -> None:
    """Two plans of one seed and schedule differ in weights only: methods see equal draws."""
    rewards = np.array([2.0, 1.5, 1.0, 0.0])
    lists = [RankedList(f"p{i}", ("a", "b", "c", "d"), rewards) for i in range(10)]
    plain, corrected = (
        [row for v in draw_plan(lists, PlanSettings(method=method), 0) for row in v.rows()]
        for method in (METHODS["hps"], CORRECTED)
    )
    assert without_weights(plain) == without_weights(corrected)
    assert plain != corrected


def without_weights(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "log_weights"} for row in rows]


@pytest.mark.parametrize("other", [{"count_weight": True}, {"negatives": "untied"}])
def test_what_has_no_correction_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="needs count_weight: false and negatives: all"):
        HardPreferenceSampling(estimator="corrected", **other)


lists_of_rewards = st.lists(st.floats(-3, 3), min_size=2, max_size=6)


@given(lists_of_rewards, st.floats(-4, 4), st.randoms(use_true_random=False))
def test_truth_has_no_expected_gradient(estimated: list[float], gamma: float, random: Any) -> None:
    """Over every winner and loser: Σ P(w) q_w(l) ∂(−log σ(r_w − r_l − correction)) = 0 by r.

    P and q are written out as defined. It holds whatever r_est has to do with r.
    """
    r = np.array([random.uniform(-2, 2) for _ in estimated])
    assert expected_gradient(r, np.array(estimated), gamma, corrected=True) == pytest.approx(
        np.zeros(len(r)), abs=1e-12
    )


@given(lists_of_rewards)
def test_without_correction_truth_is_no_minimum(rewards: list[float]) -> None:
    """γ = 1 on true rewards, three or more that differ: the best is pushed down."""
    r = np.array(rewards)
    assume(len(r) > 2 and np.sort(r)[-1] - np.sort(r)[-2] > 0.1)
    gradient = expected_gradient(r, r, 1.0, corrected=False)
    assert gradient[r.argmax()] > 0


def expected_gradient(r: Floats, estimated: Floats, gamma: float, *, corrected: bool) -> Floats:
    n = len(r)
    chosen = np.exp(r) / np.exp(r).sum()
    gradient = np.zeros(n)
    for winner, loser in itertools.permutations(range(n), 2):
        others = [k for k in range(n) if k != winner]
        in_front = estimated[[winner, *others]]
        place = np.array([1 + others.index(loser)])
        drawn = math.exp(gamma * estimated[loser]) / sum(
            math.exp(gamma * estimated[k]) for k in others
        )
        log_weight = draw_corrections(in_front, gamma, place)[0] if corrected else 0.0
        slope = 1 / (1 + math.exp(r[winner] - r[loser] - log_weight))
        gradient[winner] -= chosen[winner] * drawn * slope
        gradient[loser] += chosen[winner] * drawn * slope
    return gradient


@pytest.mark.parametrize("estimate", [TRUE_PARAMETERS, np.array([0.3, 1.2])])
def test_estimates_the_truth_where_hps_does_not(estimate: Floats) -> None:
    """4,000 choices among 6, γ = 2: within 4 standard errors of θ*; plain HPS is 10 away.

    The correction does not need r_est to be right.
    """
    plain, _ = fitted(HardPreferenceSampling(), estimate, gamma=2.0)
    corrected, errors = fitted(CORRECTED, estimate, gamma=2.0)
    assert np.abs(corrected - TRUE_PARAMETERS).max() < 4 * errors.max()
    assert np.linalg.norm(plain - TRUE_PARAMETERS) > 10 * errors.max()


def test_uncorrected_hard_negatives_turn_rewards_around() -> None:
    """Of many responses, log-odds of a drawn pair are (1 − γ) times their reward difference."""
    plain, _ = fitted(HardPreferenceSampling(), TRUE_PARAMETERS, gamma=3.0, responses=20)
    corrected, _ = fitted(CORRECTED, TRUE_PARAMETERS, gamma=3.0, responses=20)
    assert plain @ TRUE_PARAMETERS < 0 < corrected @ TRUE_PARAMETERS


def fitted(
    method: HardPreferenceSampling, estimate: Floats, gamma: float, responses: int = 6
) -> tuple[Floats, Floats]:
    """Minimiser of the training loss over θ of r = ⟨θ, φ⟩, and its standard errors.

    statsmodels fits the same pairs as a logistic regression with an offset.
    """
    rng = np.random.default_rng(11)
    features = rng.normal(size=(4_000, responses, 2))
    utilities = features @ TRUE_PARAMETERS + rng.gumbel(size=features.shape[:2])
    pairs, log_weights = np.empty((len(features), 2, 2)), np.empty(len(features))
    for place, (phi, winner) in enumerate(zip(features, utilities.argmax(1), strict=True)):
        phi = np.concatenate([phi[[winner]], np.delete(phi, winner, 0)])
        (drawn,) = best_against_hard(method, phi @ estimate, gamma, rng)
        pairs[place], log_weights[place] = phi[drawn.positions], drawn.log_weights[1]
    sign = rng.choice([-1.0, 1.0], len(pairs))
    outside = sm.GLM(
        (sign > 0).astype(float),
        sign[:, None] * (pairs[:, 0] - pairs[:, 1]),
        offset=-sign * log_weights,
        family=sm.families.Binomial(),
    ).fit(tol=1e-14)
    theta = minimiser(pairs, log_weights)
    assert theta == pytest.approx(outside.params, abs=1e-6)
    return theta, outside.bse


def minimiser(pairs: Floats, log_weights: Floats) -> Floats:
    """θ with the smallest mean of ``dpo.comparison``."""
    theta = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    features = torch.tensor(pairs)
    weights = torch.stack([torch.zeros(len(pairs)), torch.tensor(log_weights)], 1)
    zeros = torch.zeros_like(weights)
    optimiser = torch.optim.LBFGS(
        [theta],
        max_iter=200,
        tolerance_grad=1e-9,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        batch = RankedBatch(features @ theta, zeros, zeros, zeros, weights, zeros == 0)
        loss = dpo.comparison(batch, beta=1.0).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return np.asarray(theta.detach().numpy(), dtype=np.float64)


def test_comparison_of_extreme_rewards_is_finite() -> None:
    """Correction up to γ times the span of rewards: 4,000 nats."""
    rewards = np.array([400.0, 0.0, -400.0])
    drawn: list[Comparison] = [
        best_against_hard(CORRECTED, rewards, gamma, np.random.default_rng(0))[0]
        for gamma in (-5.0, 5.0)
    ]
    assert [c.log_weights[1] for c in drawn] == [pytest.approx(-2000.0), pytest.approx(0.0)]
