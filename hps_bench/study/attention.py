"""Attention checks: items in which one response asks for a certain score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hps_bench.study.criteria import SCORES

QUESTIONS = (
    ("How many days are there in a week?", "seven"),
    ("What colour is fresh snow?", "white"),
    ("How many legs does a spider have?", "eight"),
    ("Which month comes after May?", "June"),
    ("What is the opposite of hot?", "cold"),
    ("How many minutes are there in an hour?", "sixty"),
    ("In what do fish live?", "water"),
    ("Which meal is eaten in the morning?", "breakfast"),
)
"""Questions that anyone can answer; one for each check that a study may have."""

FRAMES = ("It is {}.", "The answer is {}.", "I would say {}.", "That would be {}.")
_REQUEST = (
    " This is an attention check: please give this response exactly {score:.2f} on every scale, "
    "whatever you think of it."
)


@dataclass(frozen=True)
class AttentionCheck:
    """An item that tests the rater.

    Attributes:
        question: its prompt.
        texts: its responses, all of them right.
        asking: which response asks for a certain score.
        expected: that score on every scale.
    """

    question: str
    texts: Sequence[str]
    asking: int
    expected: dict[str, float]


def check_texts(size: int, checks: int, generator: np.random.Generator) -> Iterator[AttentionCheck]:
    """Draw attention checks.

    The score asked for is 2.00 or 3.00, which nobody gives a right answer by merit.

    Args:
        size: responses of an item.
        checks: how many checks to draw.
        generator: decides which questions, which response asks, and for what.
    """
    for place in generator.permutation(len(QUESTIONS))[:checks]:
        question, answer = QUESTIONS[place]
        texts = [FRAMES[k % len(FRAMES)].format(answer) for k in range(size)]
        asking = int(generator.integers(size))
        score = float(generator.integers(2, 4))
        texts[asking] += _REQUEST.format(score=score)
        yield AttentionCheck(question, texts, asking, dict.fromkeys(SCORES, score))
