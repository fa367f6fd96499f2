"""Columns of tables: what each is called, and how it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hps_bench.judge.criteria import CRITERIA

Direction = Literal["↑", "↓", ""]


@dataclass(frozen=True)
class Metric:
    """One column of a table, repeated for every pair of data sets.

    Attributes:
        name: in CSV files.
        heading: in typeset tables.
        recipe: how it is computed, for the footnote; ``{samples}`` is N, ``{bleu_signature}``
            sacreBLEU's signature.
        direction: whether larger (↑) or smaller (↓) is better; empty for neither.
        subscript: of the heading.
        source: column of the records that it is computed from; empty where there is none.
        published: column of the published values; empty where the paper has none.
        decimals: digits after the point; None for four significant digits.
        optional: left out of the table where no record has it.
        is_p: whether it is a p-value, which has no bounds and is cut below 0.001.
    """

    name: str
    heading: str
    recipe: str
    direction: Direction = "↑"
    subscript: str = ""
    source: str = ""
    published: str = ""
    decimals: int | None = 3
    optional: bool = False
    is_p: bool = False

    @property
    def title(self) -> str:
        """Heading and subscript in plain text, for example ``RM_DPO``."""
        return f"{self.heading}_{self.subscript}" if self.subscript else self.heading


BLEU = Metric(
    "bleu",
    "BLEU",
    "corpus BLEU, 0 to 1, of the sample of {samples} with the highest sentence BLEU, against the "
    "preferred test response; sacreBLEU {bleu_signature}",
    source="bleu_statistics",
)
CHARACTER_BLEU = Metric(
    "bleu_char_nltk",
    "char-BLEU",
    "mean sentence BLEU-4 over characters, unsmoothed as NLTK computes it, of the sample of "
    "{samples} with the highest reward, against the test response with the higher reward; the "
    "authors' code computes it so, and the published BLEU is compared with it",
    source="bleu_char_nltk",
    published="bleu",
)
REWARD = Metric(
    "reward_best",
    "Reward",
    "evaluation reward model, best of {samples} samples per prompt",
    source="reward_best",
    published="reward_score",
)
GATED_SCORE = Metric(
    "score_best",
    "Gated score",
    "the evaluation reward model's own gated score of its objectives, best of {samples} samples",
    source="score_best",
    optional=True,
)
RM_DPO = Metric(
    "rm_dpo",
    "RM",
    "difference of h between the preferred and the dispreferred test response, in nats (Table 1)",
    subscript="DPO",
    source="rm_dpo",
    published="rm_dpo",
)
RM_RDPO = Metric(
    "rm_rdpo",
    "RM",
    "the same less 0.01 times the difference of their lengths (Table 1)",
    subscript="R-DPO",
    source="rm_rdpo",
    published="rm_rdpo",
)
KL = Metric(
    "kl_preferred",
    "KL",
    "KL(π ‖ π_ref) along the preferred test response, in nats (Appendix C.2)",
    direction="",
    source="kl_preferred",
    published="kl",
)
HARDEST = Metric(
    "margin_hardest",
    "Margin",
    "h of the best sampled test response by estimated reward, less the largest h of the others, "
    "in nats (Theorem 3)",
    subscript="hardest",
    source="margin_hardest",
)
ACCURACY = Metric(
    "ranking_accuracy",
    "Accuracy",
    "share of human pairs whose preferred response has the larger h",
    source="ranking_accuracy",
)
SHIFT_CHOSEN = Metric(
    "log_ratio_chosen",
    "h chosen",
    "mean h of the preferred test response, in nats",
    direction="",
    source="log_ratio_chosen",
)
SHIFT_REJECTED = Metric(
    "log_ratio_rejected",
    "h rejected",
    "mean h of the dispreferred test response, in nats",
    direction="",
    source="log_ratio_rejected",
)
MARGIN_AT_END = Metric(
    "margin_at_end",
    "RM at end",
    "RM_DPO at the end of training, on the pairs of the trajectories alone, to be read beside the "
    "next",
    optional=True,
)
MARGIN_AT_KL = Metric(
    "margin_at_matched_kl",
    "RM at equal KL",
    "RM_DPO where the policy's training first came to the smallest KL that any policy of these "
    "columns ends with, by a straight line between two snapshots, seed by seed; on the same pairs",
    optional=True,
)
MARGIN_PER_KL = Metric(
    "margin_per_kl", "RM / KL", "mean RM_DPO over mean KL on the preferred test response"
)
MARGIN_IN_SD = Metric(
    "margin_in_sd",
    "RM / SD",
    "mean RM_DPO over its standard deviation across prompts, within a seed",
)
MARGIN_PER_TOKEN = Metric(
    "margin_per_token",
    "RM / token",
    "h over the number of tokens, preferred less dispreferred test response, in nats a token; on "
    "the same pairs",
    decimals=4,
    optional=True,
)
RANKS_OF_REWARD = Metric(
    "margin_reward_rank_correlation",
    "ρ",
    "Spearman's rank correlation over prompts of RM_DPO and the mean evaluation reward of the "
    "policy's samples",
    direction="",
    subscript="reward",
    decimals=2,
)
RANKS_OF_TRUE_REWARD = Metric(
    "margin_true_reward_rank_correlation",
    "ρ",
    "the same with the toy world's own reward",
    direction="",
    subscript="true reward",
    decimals=2,
    optional=True,
)
TRUE_REWARD = Metric(
    "true_reward",
    "True reward",
    "the toy world's own reward, mean over samples",
    source="true_reward",
    optional=True,
)
HARMFUL = Metric(
    "harmful",
    "Harmful",
    "share of samples on harmful prompts that do harm by the toy world's rules",
    direction="↓",
    source="harmful",
    optional=True,
)
WALL_HOURS = Metric(
    "wall_hours",
    "Wall h",
    "hours of training of one run; published: GPU fine-tuning time on 4 L40S (Section 6, "
    "Appendix D), for which the paper names neither data set nor n",
    direction="↓",
    published="wall_hours",
    decimals=None,
)
DEVICE_HOURS = Metric(
    "device_hours", "Device h", "wall hours times processes", direction="↓", decimals=None
)
TIME_RATIO = Metric(
    "time_ratio_to_bt",
    "Time / BT",
    "ratio of wall hours to the BT run that is equal in all else",
    direction="↓",
    published="time_ratio_to_bt",
    decimals=2,
)
TIME_REDUCTION = Metric(
    "time_reduction_from_pl_percent",
    "Saved, %",
    "by how many per cent wall hours are fewer than those of the PL run that is equal in all "
    "else; the paper claims 61.76 for HPS (Section 6)",
    subscript="PL",
    published="time_reduction_from_pl_percent",
    decimals=2,
)
TOKENS = Metric(
    "tokens",
    "Tokens",
    "tokens of prompts and responses, without padding",
    direction="",
    decimals=None,
)
PAIRS = Metric(
    "pairs",
    "Pairs",
    "pairs of a better and a worse response in the loss",
    direction="",
    decimals=None,
)
FLOPS = Metric(
    "flops",
    "FLOP",
    "floating-point operations, the fewest that these texts and the shape of the model ask for",
    direction="",
    decimals=None,
)
FLOP_RATE = Metric(
    "flops_per_second", "FLOP/s", "these operations per device and second", decimals=None
)
PEAK_MEMORY = Metric(
    "peak_memory_gb",
    "Peak GB",
    "most memory of the main process: allocated on its GPU, or resident where it has none",
    direction="↓",
    decimals=None,
)
ENERGY = Metric(
    "energy_kwh",
    "kWh",
    "energy of the GPUs in use, whoever else used them",
    direction="↓",
    decimals=None,
    optional=True,
)
OUTCOMES = {
    "win": "per cent of prompts where the policy named first has the higher score",
    "lose": "per cent of prompts where it has the lower score",
    "tie": "per cent of prompts where both have the same score",
}
WIN, LOSE, TIE = (
    Metric(name, name.title(), recipe, "", source="score", published=name, decimals=1)
    for name, recipe in OUTCOMES.items()
)
SIGN_P = Metric(
    "p_sign",
    "p",
    "two-sided exact sign test of the differences of scores, one for each prompt, their mean over "
    "seeds; after Holm, over all comparisons of the table",
    direction="",
    subscript="sign",
    source="score",
    is_p=True,
)
SIGNED_RANK_P = Metric(
    "p_signed_rank",
    "p",
    "Wilcoxon's signed-rank test of the same differences; after Holm likewise",
    direction="",
    subscript="rank",
    source="score",
    is_p=True,
)
DIFFERENCE = Metric(
    "difference",
    "Difference",
    "mean over prompts and seeds, in the metric's unit",
    direction="",
)
COHEN = Metric(
    "d_z",
    "d",
    "Cohen's standardised difference: mean over standard deviation across prompts, within a seed",
    direction="",
    subscript="z",
    decimals=2,
)
DOMINANCE = Metric(
    "delta",
    "δ",
    "Cliff's δ within pairs: share of prompts where the first policy has the larger value, less "
    "the share where it has the smaller one",
    direction="",
    decimals=2,
)
PROMPTS_P = Metric(
    "p_prompts",
    "p",
    "two-sided approximate randomisation, which exchanges the two policies on a random half of the "
    "prompts; about these policies as they were trained",
    direction="",
    subscript="prompts",
    is_p=True,
)
SEEDS_P = Metric(
    "p_seeds",
    "p",
    "two-sided t test with seeds and prompts both random, degrees of freedom by Satterthwaite; "
    "about policies of other seeds on other prompts; holds its level with few seeds, where the "
    "intervals may be too narrow",
    direction="",
    subscript="seeds",
    optional=True,
    is_p=True,
)

QUALITY_SCORE = Metric(
    "overall",
    "Quality",
    "raters' overall score of a response, 1.00 to 5.00 (Appendix D.2)",
    source="overall",
    published="quality_score",
    decimals=2,
)
RATED = (
    QUALITY_SCORE,
    *(
        Metric(name, name.title(), f"raters' score for {name} alone", source=name, decimals=2)
        for name in CRITERIA
    ),
)
