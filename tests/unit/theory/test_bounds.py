"""The bounds of Theorem 1, by hand."""

from math import exp, log, sqrt

import pytest

from hps_bench.theory.bounds import Setting

PLAIN = Setting(prompts=100, responses=2, dimension=3, bound=0.0, delta=exp(-1))
"""d + log 1/δ = 4; with α_0 = 0 and n = 2, ζ = 1 / (2 + 1 + 1)."""


def test_zeta() -> None:
    assert PLAIN.zeta == pytest.approx(1 / 4)
    more = Setting(prompts=100, responses=8, dimension=3, bound=1.5, delta=0.05)
    assert more.zeta == pytest.approx(1 / (2 + exp(2 * 1.5 + log(7)) + exp(-3.0)))


def test_bounds_by_hand() -> None:
    """Ψ_1 = 5 · √(4/100) · 4 − 16/100, Ψ_2 = 5 · √(2⁴ · 4 / 100)."""
    assert PLAIN.hps(5.0) == pytest.approx(5 * 0.2 * 4 - 0.16)
    assert PLAIN.pl(5.0) == pytest.approx(5 * sqrt(2**4 * 4 / 100))


def test_growth_in_n() -> None:
    """For large α_0: Ψ_1's scale is n − 1 times that of n = 2, Ψ_2's n²/4 times."""
    small, large = (Setting(100, n, 3, 6.0, 0.05) for n in (2, 32))
    assert large.hps_scale / small.hps_scale == pytest.approx(31, rel=1e-4)
    assert large.pl_scale / small.pl_scale == pytest.approx(32**2 / 4)


@pytest.mark.parametrize("error", [0.01, 2.0])
def test_constants_put_the_bounds_on_an_error(error: float) -> None:
    setting = Setting(prompts=50, responses=5, dimension=4, bound=2.0, delta=0.1)
    assert setting.hps(setting.hps_constant(error)) == pytest.approx(error)
    assert setting.pl(setting.pl_constant(error)) == pytest.approx(error)
