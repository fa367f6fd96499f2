"""Scores by policy where raters, items and responses vary, too: a linear mixed model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hps_bench.statistics import holm

if TYPE_CHECKING:
    from statsmodels.regression.mixed_linear_model import MixedLMResultsWrapper

Array = NDArray[np.float64]

_RANDOM = ("rater", "item", "response")


@dataclass(frozen=True)
class Estimate:
    """A mean, or a difference of two, with its standard error and Wald interval."""

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """How much higher the first of two policies is rated than the second.

    Attributes:
        p: two-sided Wald test, after Holm over all pairs.
    """

    first: str
    second: str
    estimate: Estimate
    p: float


@dataclass(frozen=True)
class MixedModel:
    """Score of rater r for policy m's response to item i: μ_m + a_r + b_i + c_im + e_rim.

    μ is fixed; a, b, c and e are random. The term c of the response is shared by all of its
    raters. Without it they would count as so many responses, and the errors of differences be
    too small (Clark 1973, "The language-as-fixed-effect fallacy").

    Attributes:
        means: μ by policy.
        differences: of every two policies.
        variances: of ``rater``, ``item``, ``response`` and ``residual``.
        p: Wald test that all μ are equal.
        scores: how many the estimates are from.
        converged: whether the optimiser came to an end.
    """

    means: Mapping[str, Estimate]
    differences: tuple[Difference, ...]
    variances: Mapping[str, float]
    p: float
    scores: int
    converged: bool


def fit_mixed_model(
    ratings: pd.DataFrame, policies: Sequence[str], level: float = 0.95
) -> MixedModel | None:
    """Fit by restricted maximum likelihood.

    Tests and intervals take the normal distribution, and with it many raters and items.

    Args:
        ratings: columns ``rater``, ``item``, ``response``, ``policy`` and ``score``; rows
            without a score do not count.
        policies: in the order of the result; others do not count.
        level: coverage of the intervals.

    Returns:
        None where it cannot be estimated: fewer than two raters, items or policies with scores,
        scores that are all equal, or too few of them.
    """
    counted = ratings[ratings["policy"].isin(policies)].dropna(subset=["score"])
    rated = [policy for policy in policies if (counted["policy"] == policy).any()]
    kinds = [counted[name].nunique() for name in ("rater", "item", "policy", "score")]
    if min(kinds) < 2 or len(counted) <= max(kinds[:2]) + len(rated):
        return None
    try:
        fitted = _fit(counted, rated)
    except np.linalg.LinAlgError:
        return None
    covariance = np.asarray(fitted.cov_params())[: len(rated), : len(rated)]
    contrasts = np.diff(np.eye(len(rated)), axis=0)
    of_contrasts = contrasts @ covariance @ contrasts.T
    if not (np.isfinite(covariance).all() and (np.linalg.eigvalsh(of_contrasts) > 0).all()):
        return None
    return _result(fitted, covariance, rated, level)


def _fit(counted: pd.DataFrame, rated: Sequence[str]) -> MixedLMResultsWrapper:
    """The fit.

    Raises:
        LinAlgError: the scores leave too much open.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    design = np.column_stack([counted["policy"] == policy for policy in rated]).astype(float)
    indicators = [pd.get_dummies(counted[name], dtype=float) for name in _RANDOM]
    components = VCSpec(
        list(_RANDOM),
        [[list(map(str, matrix.columns))] for matrix in indicators],
        [[matrix.to_numpy()] for matrix in indicators],
    )
    # One group of all, because raters and items are crossed and not nested.
    model = MixedLM(
        counted["score"].to_numpy(dtype=float),
        design,
        groups=np.zeros(len(counted)),
        exog_re=None,
        exog_vc=components,
    )
    with warnings.catch_warnings():
        # A variance at 0 is a boundary of the model, and no failure.
        warnings.simplefilter("ignore")
        return model.fit(reml=True, method=["lbfgs", "powell"])


def _result(
    fitted: MixedLMResultsWrapper, covariance: Array, rated: Sequence[str], level: float
) -> MixedModel:
    means = np.asarray(fitted.fe_params, dtype=float)
    unit = np.eye(len(rated))
    variances = dict(zip(fitted.model.exog_vc.names, map(float, fitted.vcomp), strict=True))
    return MixedModel(
        means={
            policy: _estimate(means, covariance, weights, level)
            for policy, weights in zip(rated, unit, strict=True)
        },
        differences=tuple(_differences(means, covariance, rated, level)),
        variances={**variances, "residual": float(fitted.scale)},
        p=_all_equal(means, covariance),
        scores=int(fitted.nobs),
        converged=bool(fitted.converged),
    )


def _estimate(means: Array, covariance: Array, weights: Array, level: float) -> Estimate:
    from scipy.stats import norm

    value = float(weights @ means)
    error = float(np.sqrt(weights @ covariance @ weights))
    half = error * float(norm.ppf((1 + level) / 2))
    return Estimate(value, error, value - half, value + half)


def _differences(
    means: Array, covariance: Array, rated: Sequence[str], level: float
) -> Iterator[Difference]:
    from scipy.stats import norm

    unit = np.eye(len(rated))
    pairs = list(combinations(range(len(rated)), 2))
    estimates = [_estimate(means, covariance, unit[b] - unit[a], level) for a, b in pairs]
    p_values = holm([float(2 * norm.sf(abs(of.value) / of.error)) for of in estimates])
    for (a, b), estimate, p in zip(pairs, estimates, p_values, strict=True):
        yield Difference(rated[b], rated[a], estimate, p)


def _all_equal(means: Array, covariance: Array) -> float:
    from scipy.stats import chi2

    contrasts = np.diff(np.eye(len(means)), axis=0)
    distances = contrasts @ means
    statistic = distances @ np.linalg.solve(contrasts @ covariance @ contrasts.T, distances)
    return float(chi2.sf(statistic, len(contrasts)))
