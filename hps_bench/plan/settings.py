"""Settings of the preference models and of the plan."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from hps_bench.settings import Settings


class GammaSchedule(Settings):
    """Hardness γ of HPS in equal stages over the run (Section 6: −5 to 5 in 20 % steps)."""

    start: float = Field(-5.0, description="γ of the first stage; below 0 favours easy negatives")
    end: float = Field(5.0, description="γ of the last stage; above 0 favours hard negatives")
    stages: int = Field(5, ge=1, description="number of equal stages of the run")

    def values(self) -> list[float]:
        """γ of each stage, shape (stages,)."""
        return [float(value) for value in np.linspace(self.start, self.end, self.stages)]


class BradleyTerry(Settings):
    """The best response against the worst."""

    kind: Literal["bt"] = Field("bt", description="Bradley-Terry")


class PlackettLuce(Settings):
    """Every response against all that are ranked below it."""

    kind: Literal["pl"] = Field("pl", description="Plackett-Luce")
    list_size: int | None = Field(
        None, ge=2, description="responses per list, evenly spaced by rank; null takes all n"
    )


class HardPreferenceSampling(Settings):
    """The best response against hard negatives, drawn from softmax(γ·r_est) (Eq. 9)."""

    kind: Literal["hps"] = Field("hps", description="hard preference sampling")
    estimator: Literal["single", "full", "corrected"] = Field(
        "single",
        description="single: one negative drawn; full: the expectation over all; corrected: one "
        "drawn, and its weight makes up for the draw, to next to nothing where γ < 0",
    )
    count_weight: bool = Field(
        False, description="whether N = n-1 multiplies the negatives (Eq. 8) or cancels (Eq. 10)"
    )
    negatives: Literal["all", "untied"] = Field(
        "all", description="all: every other response; untied: without those tied with the best"
    )
    gamma: GammaSchedule = Field(GammaSchedule(), description="schedule of the hardness γ")
    second_winner_weight: float | None = Field(
        None, gt=0, description="λ of Appendix E: the second best response is a winner too"
    )

    @model_validator(mode="after")
    def _two_winners_keep_ties(self) -> Self:
        if self.second_winner_weight is not None and self.negatives == "untied":
            raise ValueError("second_winner_weight needs negatives: all")
        return self

    @model_validator(mode="after")
    def _a_corrected_draw_weighs_itself(self) -> Self:
        # The loser must be able to draw the winner, which among untied negatives it cannot.
        if self.estimator == "corrected" and (self.count_weight or self.negatives == "untied"):
            raise ValueError("estimator: corrected needs count_weight: false and negatives: all")
        return self


Method = Annotated[
    BradleyTerry | PlackettLuce | HardPreferenceSampling, Field(discriminator="kind")
]

METHODS: dict[str, BradleyTerry | PlackettLuce | HardPreferenceSampling] = {
    "bt": BradleyTerry(),
    "pl": PlackettLuce(),
    "hps": HardPreferenceSampling(),
    "hps-n": HardPreferenceSampling(count_weight=True),
    "hps-full": HardPreferenceSampling(estimator="full"),
    "hps-full-n": HardPreferenceSampling(estimator="full", count_weight=True),
    # At γ < 0 corrected draws have next to no gradient: docs/losses.md.
    "hps-corrected": HardPreferenceSampling(estimator="corrected", gamma=GammaSchedule(start=0.0)),
    "hps-two-winners": HardPreferenceSampling(second_winner_weight=1.0),
}
"""Methods that every config knows; its ``methods`` section adds or redefines."""


class PlanSettings(Settings):
    """What a plan depends on beside its ranked lists, n and the seed."""

    method: Method
    epochs: int = Field(2, ge=1, description="visits of each prompt; negatives are drawn anew")
