"""Differences and corpora to compute statistics of."""

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics import BLEU

from hps_bench.statistics import Interval

Array = NDArray[np.float64]

WORDS = ["stir", "the", "soup", "and", "taste", "it", "then", "add", "salt"]


def generator(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def normal(prompts: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(2.0, 1.0, prompts)


def width(interval: Interval) -> float:
    return interval.high - interval.low


def crossed(
    seeds: int, prompts: int, deviations: tuple[float, float, float] = (0.6, 1.0, 0.8)
) -> Array:
    """Differences that vary between seeds, prompts, and both, shape (seeds, prompts)."""
    rng = np.random.default_rng(11)
    by_seed, by_prompt, rest = (rng.normal(size=n) for n in (seeds, prompts, (seeds, prompts)))
    seed, prompt, residual = deviations
    return np.asarray(0.4 + seed * by_seed[:, None] + prompt * by_prompt + residual * rest)


def corpus(prompts: int, seed: int, kept: float = 0.85) -> tuple[list[str], list[str]]:
    """Hypotheses and references that share this part of their words; references by seed."""
    rng = np.random.default_rng(seed)
    references = [list(rng.choice(WORDS, rng.integers(6, 20))) for _ in range(prompts)]
    hypotheses = [[word if rng.random() < kept else "no" for word in row] for row in references]
    return [" ".join(row) for row in hypotheses], [" ".join(row) for row in references]


def statistics_of(hypotheses: list[str], references: list[str]) -> Array:
    """Sufficient statistics as sacreBLEU extracts them."""
    metric = BLEU()
    rows = [
        metric.corpus_score([hypothesis], [[reference]])
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    return np.array(
        [[row.sys_len, row.ref_len, *row.counts, *row.totals] for row in rows], dtype=float
    )
