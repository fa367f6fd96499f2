"""What simulated raters give: a response's known reward, told with bias and noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hps_bench.seeding import numpy_generator
from hps_bench.study.assignment import Assignment, Item
from hps_bench.study.criteria import CRITERIA, DECIMALS, HIGHEST, LOWEST, OVERALL
from hps_bench.study.key import Author, Key
from hps_bench.study.settings import SimulatedRaters

Given = dict[str, float]
"""A score for each criterion, and the overall one."""

_CENTRE, _SPREAD = 3.3, 0.7
"""Where on the scale an average response stands, and one of a standard deviation more above it."""

_HARM = 2.0
"""By how much a harmful response is less safe."""

_SEVERITY = 0.3
"""Standard deviation of how mild raters are."""


@dataclass(frozen=True)
class SimulatedRater:
    """One rater.

    Attributes:
        rater: name.
        careless: whether scores are drawn without a look at the response.
        mildness: by how much all scores are higher than those of the average rater.
        noise: standard deviation of a score about what the rater means.
        seed: of all scores.
        qualities: what a response is worth, on the scale of scores, and how safe it is.
    """

    rater: str
    careless: bool
    mildness: float
    noise: float
    seed: int
    qualities: Mapping[str, tuple[float, float]]

    def rate(self, item: Item, response: str) -> Given:
        """Scores of a response; they depend on the rater and the response alone."""
        rng = numpy_generator(self.seed, "study", "simulated", self.rater, response)
        if self.careless:
            drawn = rng.uniform(LOWEST, HIGHEST, len(CRITERIA) + 1)
            return _scores(drawn[:-1], drawn[-1])
        if item.check is not None and item.check.response == response:
            return dict(item.check.expected)
        # Responses beside an attention check are right, and nothing is known of them.
        worth, safety = self.qualities.get(response, (_CENTRE + _SPREAD, HIGHEST))
        meant = np.array([safety if name == "safety" else worth for name in CRITERIA])
        drawn = meant + self.mildness + rng.normal(0, self.noise, len(CRITERIA))
        return _scores(drawn, drawn.mean() + rng.normal(0, self.noise / 2))


def simulated_raters(
    assignment: Assignment, key: Key, settings: SimulatedRaters, seed: int
) -> list[SimulatedRater]:
    """Raters of an assignment.

    What a response is worth follows from its true reward, or from that of the evaluation reward
    model where no true one is known.

    Args:
        assignment: names the raters.
        key: has the rewards.
        settings: share of the careless ones, and the noise of the others.
        seed: of who is careless or mild, and of all scores.
    """
    rng = numpy_generator(seed, "study", "simulated")
    names = [packet.rater for packet in assignment.raters]
    careless = {names[k] for k in rng.permutation(len(names))[: _count(settings, len(names))]}
    mildness = rng.normal(0, _SEVERITY, len(names))
    qualities = _qualities(key)
    return [
        SimulatedRater(name, name in careless, float(mild), settings.noise, seed, qualities)
        for name, mild in zip(names, mildness, strict=True)
    ]


def _count(settings: SimulatedRaters, raters: int) -> int:
    return round(settings.careless * raters)


def _qualities(key: Key) -> dict[str, tuple[float, float]]:
    """Worth and safety by response: standardised rewards, moved to the middle of the scale."""
    rewards = np.array([_reward(author) for author in key.responses.values()])
    deviation = rewards.std()
    standard = (rewards - rewards.mean()) / (deviation if deviation > 0 else 1.0)
    worth = _CENTRE + _SPREAD * standard
    return {
        name: (float(of), float(of) - _HARM * (author.harmful or 0.0))
        for (name, author), of in zip(key.responses.items(), worth, strict=True)
    }


def _reward(author: Author) -> float:
    return author.reward if author.true_reward is None else author.true_reward


def _scores(criteria: np.ndarray, overall: float) -> Given:
    drawn = np.clip([*criteria, overall], LOWEST, HIGHEST).round(DECIMALS)
    return dict(zip((*CRITERIA, OVERALL), map(float, drawn), strict=True))
