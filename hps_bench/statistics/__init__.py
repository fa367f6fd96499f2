"""Intervals, paired tests, effect sizes and seeds needed, from one record per prompt."""

from hps_bench.statistics.bleu import (
    BLEU_SMOOTHING,
    bleu_signature,
    corpus_bleu_difference,
    corpus_bleu_interval,
    corpus_bleu_randomisation_test,
)
from hps_bench.statistics.effects import dominance, standardised_difference
from hps_bench.statistics.means import mean_interval, randomisation_test
from hps_bench.statistics.resampling import Array, Interval
from hps_bench.statistics.seeds import MOST_SEEDS, half_width, seeds_to_detect, seeds_to_narrow
from hps_bench.statistics.significance import holm, sign_test, signed_rank_test
from hps_bench.statistics.variance import (
    VarianceComponents,
    random_effects_test,
    variance_components,
)

__all__ = [
    "BLEU_SMOOTHING",
    "MOST_SEEDS",
    "Array",
    "Interval",
    "VarianceComponents",
    "bleu_signature",
    "corpus_bleu_difference",
    "corpus_bleu_interval",
    "corpus_bleu_randomisation_test",
    "dominance",
    "half_width",
    "holm",
    "mean_interval",
    "random_effects_test",
    "randomisation_test",
    "seeds_to_detect",
    "seeds_to_narrow",
    "sign_test",
    "signed_rank_test",
    "standardised_difference",
    "variance_components",
]
