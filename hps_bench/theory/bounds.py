"""The two bounds of Theorem 1, whose constants C_1 and C_2 the paper leaves open.

Rewards are linear with features of norm at most 1, so in Assumption 1 α_0 = B, α_1 = 1, α_2 = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt


@dataclass(frozen=True)
class Setting:
    """What the bounds depend on.

    Attributes:
        prompts: m.
        responses: n.
        dimension: d.
        bound: B, which bounds ‖θ‖ and with it rewards.
        delta: δ.
    """

    prompts: int
    responses: int
    dimension: int
    bound: float
    delta: float

    @property
    def zeta(self) -> float:
        """ζ = 1 / (2 + e^{2α_0 + ln(n−1)} + e^{−2α_0})."""
        count = self.responses - 1
        return 1 / (2 + count * exp(2 * self.bound) + exp(-2 * self.bound))

    @property
    def hps_scale(self) -> float:
        """What C_1 multiplies in Ψ_1: √((d + log 1/δ) / (m ζ²)), which grows like n / √m."""
        return self._rate / self.zeta

    @property
    def hps_offset(self) -> float:
        """What is taken off in Ψ_1: (16 α_1² ζ − 4 α_2) / (m ζ)."""
        return 16 / self.prompts

    @property
    def pl_scale(self) -> float:
        """What C_2 multiplies in Ψ_2: √(n⁴ e^{8α_0} (d + log 1/δ) / m)."""
        return self.responses**2 * exp(4 * self.bound) * self._rate

    @property
    def _rate(self) -> float:
        return sqrt((self.dimension + log(1 / self.delta)) / self.prompts)

    def hps(self, constant: float) -> float:
        """Ψ_1, the bound on the error of HPS, for a C_1."""
        return constant * self.hps_scale - self.hps_offset

    def pl(self, constant: float) -> float:
        """Ψ_2, the bound on the error of PL, for a C_2."""
        return constant * self.pl_scale

    def hps_constant(self, error: float) -> float:
        """The C_1 for which Ψ_1 equals an error."""
        return (error + self.hps_offset) / self.hps_scale

    def pl_constant(self, error: float) -> float:
        """The C_2 for which Ψ_2 equals an error."""
        return error / self.pl_scale
