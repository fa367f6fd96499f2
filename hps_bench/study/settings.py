"""Settings of the human study."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hps_bench.settings import Settings


class SimulatedRaters(Settings):
    """Raters that a program plays, to try the whole path without people."""

    careless: float = Field(
        0.0, ge=0, le=1, description="share of raters who answer without reading"
    )
    noise: float = Field(
        0.5, ge=0, description="standard deviation of a rating about its true score"
    )


class StudySettings(Settings):
    """What the config says about the study (Section 6, Appendix D.2)."""

    experiment: str = Field(description="experiment whose policies are rated, beside the SFT model")
    reward: str = Field("dpo", description="implicit reward of the rated policies")
    methods: list[str] = Field(
        ["bt", "pl", "hps"], min_length=1, description="preference models of the rated policies"
    )
    responses: int | None = Field(
        None, description="n of the rated policies; null takes the experiment's first"
    )
    beta: float | None = Field(
        None, description="β of the rated policies; null takes the experiment's first"
    )
    policy_seed: int | None = Field(
        None, description="seed of the rated policies; null takes the experiment's first"
    )
    prompts: int = Field(15, ge=1, description="test prompts per data set")
    sample: int = Field(
        0, ge=0, description="which of a prompt's N samples is shown; it is the best by no measure"
    )
    raters: int = Field(20, ge=1, le=999, description="people who rate; each rates everything")
    attention_checks: int = Field(
        0, ge=0, le=8, description="items in which one response asks for a certain score"
    )
    simulated: SimulatedRaters | None = Field(
        None, description="simulated raters in place of people; null where people rate"
    )
    seed: Annotated[int, Field(ge=0)] = Field(
        0, description="of the prompts, the ids, the orders and simulated raters"
    )


class StudyJob(Settings):
    """What the packets of a study depend on beside the samples.

    Samples files are ``{results}/evaluations/{path}/samples.parquet``.
    """

    name: str = Field(description="name of the study")
    settings: StudySettings = Field(description="the config's section")
    policies: list[str] = Field(description="rated policies, in the order of the table")
    evaluations: dict[str, list[str]] = Field(
        description="paths of the policies' evaluations, by data set"
    )
