"""The paper's claims that its tables can bear out, each with the formulas that were tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hps_bench.paper_comparison import comparisons as of
from hps_bench.paper_comparison.averages import average_improvements
from hps_bench.paper_comparison.comparisons import SIZES, Place, counted
from hps_bench.paper_comparison.formulas import (
    HH,
    MARGINS,
    PKU,
    QUALITY,
    REWARDS,
    Comparisons,
    Figures,
    Formula,
    Function,
    Number,
    improvement,
    mean,
    spread,
)


@dataclass(frozen=True)
class Claim:
    """What the paper says.

    Attributes:
        name: in CSV files.
        source: section, and the table that bears on it.
        statement: what is claimed.
        claimed: the number as printed, or how many comparisons are claimed to hold; empty where
            the text gives no number.
        unit: of the number.
        formulas: ways to compute it from the tables.
    """

    name: str
    source: str
    statement: str
    claimed: str
    unit: str
    formulas: tuple[Formula, ...]

    @property
    def counts(self) -> bool:
        """Whether it is a number of comparisons that hold."""
        return self.unit.startswith("of ")


def _of(total: int, name: str, source: str, statement: str, *formulas: Formula) -> Claim:
    """A claim that so many comparisons hold, all of them."""
    return Claim(name, source, statement, str(total), f"of {total}", formulas)


def _margin_gain(margin: str) -> Formula:
    def function(figures: Figures) -> Number:
        return improvement(figures.of(margin, "dpo-hps", HH), figures.of(margin, "dpo-pl", HH))

    return Formula("(DPO-HPS − DPO-PL) / |DPO-PL|, Table 2", function)


def _quality_gaps(places: tuple[Place, ...]) -> tuple[Formula, ...]:
    """Mean over rewards of HPS less the mean of BT and PL, for each metric and test set."""

    def gap(column: str, place: Place) -> Function:
        def function(figures: Figures) -> Number:
            return mean(
                figures.of(column, f"{reward}-hps", *place)
                - mean(figures.of(column, f"{reward}-{by}", *place) for by in ("bt", "pl"))
                for reward in REWARDS
            )

        return function

    return tuple(
        Formula(f"{_TITLES[column]} on {_TITLES[place[0]]}: HPS less BT and PL", gap(column, place))
        for place in places
        for column in QUALITY
    )


def _spreads_over_n() -> tuple[Formula, ...]:
    def over_n(column: str, policy: str) -> Function:
        return lambda figures: spread(
            figures.of(column, policy, HH, responses=size) for size in SIZES
        )

    return tuple(
        Formula(
            f"{_TITLES[column]} of {policy.upper()}: largest less smallest", over_n(column, policy)
        )
        for column in QUALITY
        for policy in ("dpo-bt", "dpo-hps")
    )


def _each(*comparisons: tuple[str, Comparisons]) -> tuple[Formula, ...]:
    """Formulas that count what holds, each with its description."""
    return tuple(counted(description, holds) for description, holds in comparisons)


_TITLES = {"bleu": "BLEU", "reward_score": "Reward", HH: "HH-RLHF", PKU: "PKU-SafeRLHF"}
_TRADITIONAL = ("dpo-pl", "sppo-pl", "sppo-bt")

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "average-margin-fine-tuning",
        "Section 1, Table 2",
        "HPS improves the average reward margin on HH-RLHF over DPO, IPO and other methods",
        "89",
        "%",
        average_improvements(HH, HH),
    ),
    Claim(
        "average-margin-transfer",
        "Section 1, Table 5",
        "HPS improves the average reward margin from HH-RLHF to PKU-SafeRLHF",
        "83",
        "%",
        average_improvements(PKU, HH),
    ),
    Claim(
        "dpo-rm-dpo",
        "Section 6.1, Table 2",
        "DPO-HPS improves RM_DPO on HH-RLHF over DPO-PL",
        "442.51",
        "%",
        (_margin_gain("rm_dpo"),),
    ),
    Claim(
        "dpo-rm-rdpo",
        "Section 6.1, Table 2",
        "DPO-HPS improves RM_R-DPO on HH-RLHF over DPO-PL",
        "240.88",
        "%",
        (_margin_gain("rm_rdpo"),),
    ),
    Claim(
        "training-time",
        "Section 6",
        "HPS takes less fine-tuning time than PL",
        "61.76",
        "%",
        (
            Formula(
                "1 − HPS hours / PL hours",
                lambda figures: 100 * (1 - figures.hours("hps") / figures.hours("pl")),
            ),
        ),
    ),
    _of(
        8,
        "first-in-margins",
        "Section 1, Tables 2 and 5",
        "HPS outperforms the others in both settings: in each column of margins one of its rows is "
        "best",
        *_each(("the best row is of HPS alone", of.ahead_in_columns(MARGINS, np.greater))),
    ),
    Claim(
        "first-in-quality",
        "Section 1, Tables 2 and 5",
        "The same for columns of BLEU and Reward, in which HPS is said to be comparable",
        "",
        "of 8",
        _each(
            ("the best row is of HPS alone", of.ahead_in_columns(QUALITY, np.greater)),
            ("or level with others", of.ahead_in_columns(QUALITY, np.greater_equal)),
        ),
    ),
    Claim(
        "margins-fine-tuning",
        "Section 6.1, Table 2",
        "HPS significantly improves reward margins",
        "",
        "of 20",
        _each(
            (
                "HPS above BT and PL, for each reward, margin and data set",
                of.ahead_within_rewards(of.FINE_TUNING),
            )
        ),
    ),
    _of(
        20,
        "margins-transfer",
        "Section 6.2, Table 5",
        "HPS consistently outperforms the baselines in both margins",
        *_each(
            (
                "HPS above BT and PL, for each reward, margin and data set",
                of.ahead_within_rewards(of.TRANSFER),
            )
        ),
    ),
    _of(
        6,
        "negative-margins",
        "Section 6.1, Table 2",
        "Methods like DPO-PL and SPPO have negative margins on HH-RLHF",
        *_each(("DPO-PL, SPPO-PL and SPPO-BT below 0", of.below_zero(_TRADITIONAL))),
    ),
    _of(
        2,
        "positive-margins",
        "Section 6.1, Table 2",
        "In contrast, DPO-HPS has positive margins on HH-RLHF",
        *_each(("DPO-HPS above 0", of.above_zero("dpo-hps"))),
    ),
    Claim(
        "bleu-level",
        "Section 6.1, Table 2",
        "HPS has BLEU around this on HH-RLHF",
        "0.231",
        "",
        (
            Formula(
                "mean over the five rewards",
                lambda figures: mean(figures.of("bleu", f"{reward}-hps", HH) for reward in REWARDS),
            ),
        ),
    ),
    Claim(
        "quality-fine-tuning",
        "Section 6.1, Table 2",
        "HPS is comparable to the others in BLEU and Reward",
        "",
        "",
        _quality_gaps(of.FINE_TUNING),
    ),
    Claim(
        "quality-transfer",
        "Section 6.2, Table 5",
        "HPS is on a par with the baselines in BLEU and Reward",
        "",
        "",
        _quality_gaps(of.TRANSFER),
    ),
    _of(
        3,
        "user-study",
        "Section 6.1, Table 3",
        "Raters give DPO-HPS the highest score, above SFT, DPO-BT and DPO-PL",
        *_each(("DPO-HPS above each", of.rated_higher())),
    ),
    _of(
        6,
        "win-rates",
        "Section 6.1, Table 4",
        "DPO-HPS consistently outperforms SFT, DPO-BT and DPO-PL on both data sets",
        *_each(("wins more often than it loses", of.wins_more_often())),
    ),
    Claim(
        "win-rate-level",
        "Section 6.1, Table 4",
        "DPO-HPS wins approximately so often",
        "60",
        "%",
        (Formula("mean of the six win rates", lambda figures: mean(of.win_rates(figures))),),
    ),
    _of(
        6,
        "win-rates-and-rewards",
        "Section 6.1, Tables 2 and 4",
        "The win rates are consistent with the reward model's evaluation: Reward orders each pair "
        "likewise",
        *_each(
            ("Reward of DPO-HPS above the opponent's", of.rewarded_higher(np.greater)),
            ("above or level with it", of.rewarded_higher(np.greater_equal)),
        ),
    ),
    _of(
        1,
        "transfer-above-fine-tuning",
        "Section 6.2, Tables 2 and 5",
        "On PKU-SafeRLHF, EXO-HPS has a larger RM_DPO trained on HH-RLHF than on its own data",
        *_each(("EXO-HPS of Table 5 above Table 2", of.transfer_above_own("exo-hps"))),
    ),
    _of(
        3,
        "rm-rdpo-with-n",
        "Section 6.3, Table 6",
        "RM_R-DPO grows with n, particularly for DPO-HPS: at each step",
        *_each(
            ("DPO-HPS", of.rises_with_n("dpo-hps", "rm_rdpo")),
            ("DPO-BT", of.rises_with_n("dpo-bt", "rm_rdpo")),
        ),
    ),
    _of(
        3,
        "rm-dpo-with-n",
        "Section 6.3, Table 6",
        "RM_DPO of DPO-HPS increases consistently with n: at each step",
        *_each(("DPO-HPS", of.rises_with_n("dpo-hps", "rm_dpo"))),
    ),
    _of(
        2,
        "gain-from-n",
        "Section 6.3, Table 6",
        "DPO-HPS benefits more from larger n than DPO-BT",
        *_each(("gain from n = 5 to 100, each margin", of.gains_more_from_n())),
    ),
    Claim(
        "quality-with-n",
        "Section 6.3, Table 6",
        "BLEU and Reward remain stable across n",
        "",
        "",
        _spreads_over_n(),
    ),
    _of(
        5,
        "beta",
        "Appendix C.2, Table 8",
        "DPO-HPS has the highest RM_R-DPO for all KL values",
        *_each(
            ("above DPO-BT at the same β", of.ahead_at_beta()),
            ("above DPO-BT at its KL, interpolated", of.ahead_at_kl()),
        ),
    ),
)
"""In the order of the paper's text, the abstract's first."""
