"""Corpus BLEU against sacreBLEU: values, intervals, and its own paired tests."""

import numpy as np
import pytest
import sacrebleu
from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest, _compute_p_value

from hps_bench.statistics import (
    bleu_signature,
    corpus_bleu_difference,
    corpus_bleu_interval,
    corpus_bleu_randomisation_test,
)
from hps_bench.statistics.bleu import bleu_differences, paired_bleu_terms
from hps_bench.statistics.resampling import resampled
from tests.unit.statistics.samples import Array, corpus, generator, statistics_of, width

SACREBLEUS_SEED = 12345
"""Its default."""


def test_corpus_bleu_equals_sacrebleu() -> None:
    corpora = [corpus(40, seed) for seed in (0, 1)]
    expected = [sacrebleu.corpus_bleu(h, [r]).score / 100 for h, r in corpora]
    interval = corpus_bleu_interval([statistics_of(*pair) for pair in corpora], generator())
    assert interval.mean == pytest.approx(np.mean(expected), rel=1e-12)
    assert interval.low < interval.mean < interval.high
    assert (interval.seeds, interval.prompts) == (2, 40)


def test_corpus_bleu_without_matches_of_high_order_is_smoothed_as_in_sacrebleu() -> None:
    hypotheses, references = ["a b x y", "c d"], ["a b c d", "d c e"]
    interval = corpus_bleu_interval([statistics_of(hypotheses, references)], generator())
    expected = sacrebleu.corpus_bleu(hypotheses, [references]).score / 100
    assert interval.mean == pytest.approx(expected, rel=1e-12)


def test_corpus_bleu_interval_agrees_with_sacrebleus_bootstrap() -> None:
    # Tolerance: 5 % of the half-width; sacreBLEU reports it as _ci, in points of 100.
    hypotheses, references = corpus(80, seed=4)
    theirs = BLEU(references=[references]).corpus_score(hypotheses, None, n_bootstrap=4000)
    ours = corpus_bleu_interval(
        [statistics_of(hypotheses, references)], generator(), resamples=4000
    )
    assert width(ours) / 2 == pytest.approx(theirs._ci / 100, rel=0.05)


def test_prompts_that_were_not_evaluated_do_not_count() -> None:
    statistics = statistics_of(*corpus(20, seed=0))
    padded = np.vstack([statistics, np.full((7, 10), np.nan)])
    assert corpus_bleu_interval([padded], generator()) == corpus_bleu_interval(
        [statistics], generator()
    )


def test_signature_is_sacrebleus_own() -> None:
    metric = BLEU()
    metric.corpus_score(["a"], [["a"]])
    assert bleu_signature() == str(metric.get_signature())
    assert "tok:13a|smooth:exp" in bleu_signature()


def two_systems(kept: float) -> tuple[list[str], list[str], list[str]]:
    """Hypotheses of a system and of one that keeps this part of the words; references."""
    first, references = corpus(60, seed=4)
    rng = np.random.default_rng(1)
    rows = [row.split() for row in references]
    second = [" ".join(w if rng.random() < kept else "no" for w in row) for row in rows]
    return first, second, references


def sacrebleus_p(kind: str, kept: float, samples: int) -> float:
    first, second, references = two_systems(kept)
    systems = [("first", first), ("second", second)]
    test = PairedTest(systems, {"BLEU": BLEU()}, [references], kind, samples)
    _, results = test()
    p = results["BLEU"][1].p_value
    assert p is not None
    return float(p)


def statistics_of_both(kept: float) -> tuple[list[Array], list[Array]]:
    first, second, references = two_systems(kept)
    return [statistics_of(first, references)], [statistics_of(second, references)]


@pytest.mark.parametrize("kept", [0.83, 0.8, 0.7])
def test_randomisation_equals_sacrebleus_paired_ar(kept: float) -> None:
    # All digits: the same exchanges from the same seed.
    ours = corpus_bleu_randomisation_test(
        *statistics_of_both(kept), generator(SACREBLEUS_SEED), exchanges=1000
    )
    assert ours == pytest.approx(sacrebleus_p("ar", kept, 1000), rel=1e-12)


@pytest.mark.parametrize("kept", [0.83, 0.8, 0.7])
def test_resamples_are_those_of_sacrebleus_paired_bs(kept: float) -> None:
    # All digits: the same resamples from the same seed, and sacreBLEU's count of them.
    first, second = statistics_of_both(kept)
    draws = resampled(
        paired_bleu_terms(first, second), bleu_differences, generator(SACREBLEUS_SEED), 500
    )
    distances = np.abs(draws)
    observed = abs(corpus_bleu_difference(first, second, generator(), resamples=1).mean)
    ours = _compute_p_value(distances - distances.mean(), observed)
    assert ours == pytest.approx(sacrebleus_p("bs", kept, 500), rel=1e-12)


def test_difference_equals_sacrebleus() -> None:
    first, second, references = two_systems(0.7)
    expected = [sacrebleu.corpus_bleu(system, [references]).score for system in (first, second)]
    found = corpus_bleu_difference(*statistics_of_both(0.7), generator())
    assert found.mean == pytest.approx((expected[0] - expected[1]) / 100, rel=1e-12)
    assert found.low < found.mean < found.high
    assert (found.seeds, found.prompts) == (1, 60)


def test_difference_has_the_bounds_of_sacrebleus_resampled_scores() -> None:
    # Percentiles of differences of the scores that sacreBLEU computes on the same resamples.
    first, second = statistics_of_both(0.8)
    found = corpus_bleu_difference(first, second, generator(3), resamples=300)
    drawn = np.random.default_rng(3).choice(60, size=(300, 60))
    scores = np.array(
        [
            [BLEU()._compute_score_from_stats(list(rows.sum(axis=0))).score for rows in of[drawn]]
            for of in (*first, *second)
        ]
    )
    bounds = np.percentile((scores[0] - scores[1]) / 100, [2.5, 97.5])
    assert [found.low, found.high] == pytest.approx(list(bounds), rel=1e-9)


def test_difference_is_of_prompts_that_both_have() -> None:
    first, second = (of[0] for of in statistics_of_both(0.7))
    lacking = second.copy()
    lacking[:20] = np.nan
    whole = corpus_bleu_difference([first[20:]], [second[20:]], generator())
    assert corpus_bleu_difference([first], [lacking], generator()) == whole
    p = corpus_bleu_randomisation_test([first], [np.full_like(second, np.nan)], generator())
    assert p == 1.0


def test_same_policy_twice_differs_by_nothing() -> None:
    first, _ = statistics_of_both(0.8)
    found = corpus_bleu_difference(first, first, generator())
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)
    assert corpus_bleu_randomisation_test(first, first, generator(), exchanges=50) == 1.0


def test_seeds_are_paired() -> None:
    # Two seeds whose differences cancel: the mean is 0, and both are among the resamples.
    first, second = statistics_of_both(0.7)
    both = corpus_bleu_difference([*first, *second], [*second, *first], generator())
    one = corpus_bleu_difference(first, second, generator())
    assert both.mean == pytest.approx(0.0)
    assert both.high > one.mean - width(one)
    assert both.low < -one.mean + width(one)
