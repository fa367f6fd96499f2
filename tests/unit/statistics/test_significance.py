"""Tests by signs and ranks by hand; Holm by hand and against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from hps_bench.statistics import holm, sign_test, signed_rank_test


@pytest.mark.parametrize(
    ("wins", "losses", "expected"),
    [
        # 2 · (1 + 5) / 2⁵, 2 · 1 / 2⁵, and halves, of a fair coin.
        (4, 1, 12 / 32),
        (0, 5, 2 / 32),
        (3, 3, 1.0),
        (0, 0, 1.0),
    ],
)
def test_sign_test_by_hand(wins: int, losses: int, expected: float) -> None:
    differences = np.array([0.5] * wins + [-3.0] * losses + [0.0, np.nan])
    assert sign_test(differences) == pytest.approx(expected)


def test_signed_rank_test_by_hand() -> None:
    # Ranks of -1 and -2 are 1 and 2: T = 3. Subsets of 1..5 with sum 3 or less: 5 of 32.
    differences = np.array([-1.0, -2.0, 3.0, 4.0, 5.0, 0.0, np.nan])
    assert signed_rank_test(differences) == pytest.approx(2 * 5 / 32)


def test_signed_rank_test_without_differences() -> None:
    assert signed_rank_test(np.array([0.0, 0.0, np.nan])) == 1.0


def test_holm_by_hand() -> None:
    # Sorted .01, .02, .03, .04 times 4, 3, 2, 1: .04, .06, .06, .06 after the running maximum.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    # .005 · 3, .4 · 2, and .6 below .8.
    assert holm([0.6, 0.005, 0.4]) == pytest.approx([0.8, 0.015, 0.8])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@pytest.mark.parametrize("tests", [1, 7, 40])
def test_holm_equals_statsmodels(tests: int) -> None:
    # Twelve digits; rounded, so that some are equal.
    p_values = np.random.default_rng(tests).beta(0.3, 2.0, tests).round(2)
    expected = multipletests(p_values, method="holm")[1]
    assert holm(list(p_values)) == pytest.approx(list(expected), rel=1e-12)
