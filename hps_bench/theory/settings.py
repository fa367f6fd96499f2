"""Settings of the simulations behind ``docs/theory.md``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from hps_bench.settings import Settings

Gamma = Annotated[float, Field(ge=-20, le=20)]
Prompts = Annotated[int, Field(ge=2)]
ListSize = Annotated[int, Field(ge=2)]
MethodName = Literal[
    "pl",
    "top-1",
    "bt",
    "bt-random-pair",
    "hps",
    "hps-n",
    "hps-corrected",
    "hps-full",
    "hps-full-n",
    "hps-appendix-b",
    "hps-schedule",
]
"""Estimators of θ; those of ``hps_bench.plan.settings`` that have such a name are the same."""


TABLES = (
    *("errors", "errors-means", "errors-slopes", "errors-constants", "errors-bounds"),
    *("gaps", "gaps-means", "gaps-rates"),
    *("margins", "margins-means", "maximisers", "maximisers-means", "noise", "noise-means"),
)
"""What the stage writes."""


class World(Settings):
    """Where rankings come from. Features have norm at most 1, so |r_θ| ≤ ‖θ‖ (Assumption 1)."""

    dimension: int = Field(5, ge=3, description="d, length of features and of θ")
    norm: float = Field(3.0, gt=0, description="‖θ*‖ of the true reward")
    features: Literal["sphere", "skewed"] = Field(
        "sphere", description="sphere: uniform, no direction preferred; skewed: rare properties"
    )
    reward: Literal["linear", "quadratic"] = Field(
        "linear", description="linear: <θ*, φ>; quadratic: with a term that no θ represents"
    )
    labels: Literal["plackett-luce", "argmax"] = Field(
        "plackett-luce",
        description="plackett-luce: rankings drawn from the true reward; argmax: sorted by r_est",
    )
    estimate_cosine: float = Field(
        1.0, ge=-1, le=1, description="cosine of r_est's parameter with θ*; 1: r_est is the truth"
    )


class Scenario(World):
    """A world, and the grid of estimators that are fitted in it."""

    bound_ratio: float = Field(
        3.0, ge=1, description="B / ‖θ*‖: estimates are sought among ‖θ‖ ≤ B (Assumption 1 b)"
    )
    prompts: list[Prompts] = Field([256, 1024, 4096], min_length=1, description="m, lists")
    responses: list[ListSize] = Field([4], min_length=1, description="n, responses a list")
    methods: list[MethodName] = Field(
        list(get_args(MethodName)), min_length=1, description="estimators of θ"
    )
    gammas: list[Gamma] = Field([0.0, 1.0, 5.0], min_length=1, description="γ of hps methods")

    @property
    def is_the_theorems(self) -> bool:
        """Whether rankings follow the Plackett-Luce model of a linear reward."""
        return self.reward == "linear" and self.labels == "plackett-luce"

    @property
    def bound(self) -> float:
        """B of Assumption 1, which bounds |r_θ| too: α_0 = B."""
        return self.bound_ratio * self.norm


_SHORT: dict[str, Any] = {"prompts": [2048], "responses": [8]}
_FEW: dict[str, Any] = {"prompts": [128], "responses": [8]}

SCENARIOS = {
    "theorem": Scenario(prompts=[128, 512, 2048], responses=[2, 4, 16]),
    "other-estimate": Scenario(estimate_cosine=0.7, **_SHORT),
    "skewed": Scenario(features="skewed", norm=6.0, **_SHORT),
    "misspecified": Scenario(reward="quadratic", **_SHORT),
    "practice": Scenario(labels="argmax", estimate_cosine=0.9, **_FEW),
    "misspecified-practice": Scenario(labels="argmax", reward="quadratic", **_FEW),
}
"""Small grids: the theorem's world, and worlds that differ from it in one respect or two."""


class SampleComplexity(Settings):
    """Estimation errors for Theorem 1."""

    delta: float = Field(0.05, gt=0, lt=1, description="δ: the bounds hold with chance 1 - δ")
    scenarios: dict[str, Scenario] = Field(SCENARIOS, min_length=1, description="worlds by name")


class HardestNegative(Settings):
    """The loss as γ grows, for Theorem 2."""

    world: World = Field(World(), description="its estimate_cosine is replaced by ``cosines``")
    prompts: Prompts = Field(2048, description="m, lists over which losses are averaged")
    responses: list[ListSize] = Field([4, 16], min_length=1, description="n, responses a list")
    cosines: list[Annotated[float, Field(ge=-1, le=1)]] = Field(
        [1.0, 0.99, 0.9, 0.5, 0.0],
        min_length=1,
        description="cosines of r_est's parameter with θ; 1: r_est = r_θ, as the proof has it",
    )
    gammas: list[float] = Field(
        [-5, 0, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], min_length=1, description="γ"
    )


class RewardMargins(Settings):
    """Minimisers against maximisers of the margin, for Theorem 3."""

    worlds: dict[str, World] = Field(
        {
            "practice": World(dimension=10, labels="argmax"),
            "misspecified-practice": World(dimension=10, labels="argmax", reward="quadratic"),
        },
        min_length=1,
        description="worlds by name, in which bounds on ‖θ‖ grow",
    )
    prompts: Prompts = Field(100, description="m, lists of the worlds")
    responses: ListSize = Field(8, description="n, responses a list of the worlds")
    bounds: list[Annotated[float, Field(gt=0)]] = Field(
        [0.1, 1, 3, 10, 30, 100, 1000], min_length=1, description="B, bounds on ‖θ‖"
    )
    gamma: Gamma = Field(5.0, description="γ of HPS; the largest of the paper's schedule")
    steps: list[Annotated[int, Field(ge=1)]] = Field(
        [100, 1000], min_length=1, description="steps of gradient descent without a bound"
    )
    noise_norms: list[Annotated[float, Field(gt=0)]] = Field(
        [1, 2, 4, 8, 16], min_length=1, description="‖θ*‖ of Plackett-Luce labels: less is noisier"
    )
    noise_responses: list[ListSize] = Field([2, 4, 16], min_length=1, description="n under noise")
    noise_prompts: Prompts = Field(1000, description="m under noise")


class TheorySettings(Settings):
    """Simulations of Theorems 1 to 3."""

    seed: int = Field(0, ge=0, description="of all simulations")
    seeds: int = Field(5, ge=2, description="repetitions, each with its own θ* and data")
    sample_complexity: SampleComplexity = Field(SampleComplexity(), description="Theorem 1")
    hardest_negative: HardestNegative = Field(HardestNegative(), description="Theorem 2")
    margins: RewardMargins = Field(RewardMargins(), description="Theorem 3")
