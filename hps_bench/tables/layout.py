"""What each table shows: its title, the axes that name its rows, and its metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hps_bench.errors import UserError, nearest
from hps_bench.judge.criteria import CRITERIA
from hps_bench.tables.metrics import (
    ACCURACY,
    BLEU,
    CHARACTER_BLEU,
    COHEN,
    DEVICE_HOURS,
    DIFFERENCE,
    DOMINANCE,
    ENERGY,
    FLOP_RATE,
    FLOPS,
    GATED_SCORE,
    HARDEST,
    HARMFUL,
    KL,
    LOSE,
    MARGIN_AT_END,
    MARGIN_AT_KL,
    MARGIN_IN_SD,
    MARGIN_PER_KL,
    MARGIN_PER_TOKEN,
    OUTCOMES,
    PAIRS,
    PEAK_MEMORY,
    PROMPTS_P,
    RANKS_OF_REWARD,
    RANKS_OF_TRUE_REWARD,
    RATED,
    REWARD,
    RM_DPO,
    RM_RDPO,
    SEEDS_P,
    SHIFT_CHOSEN,
    SHIFT_REJECTED,
    SIGN_P,
    SIGNED_RANK_P,
    TIE,
    TIME_RATIO,
    TIME_REDUCTION,
    TOKENS,
    TRUE_REWARD,
    WALL_HOURS,
    WIN,
    Metric,
)

Axis = Literal["responses", "beta", "metric"]
Records = Literal["evaluations", "policies", "judge", "margins", "study"]


@dataclass(frozen=True)
class TableLayout:
    """One table.

    Attributes:
        name: in file names and targets.
        title: heading of the table.
        metrics: its columns, for every pair of data sets.
        axes: axes that name its rows, before reward and method.
        baseline: whether the reference model has a row.
        records: folder of the results that it is made of; ``margins`` are evaluations with
            trajectories, where there are some.
        heading: of the column that names its rows.
        spread: what bounds a mean: the interval over seeds and prompts, or one standard
            deviation over runs.
        compared: metrics in which policies are compared, one row each; ``metrics`` are then what
            is said of a difference.
        pooled: whether all data sets have one group of columns, as the paper has it in Table 3.
        ratings: whose ratings the human study's tables show, ``human`` or ``simulated``; empty
            while there are none, and in other tables.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    axes: tuple[Axis, ...] = ()
    baseline: bool = False
    spread: Literal["interval", "deviation"] = "interval"
    records: Records = "evaluations"
    heading: str = "Method"
    compared: tuple[Metric, ...] = ()
    pooled: bool = False
    ratings: str = ""

    @property
    def counted(self) -> str:
        """What a value is the mean over, in the plural."""
        if self.records == "study":
            return "raters"
        return "seeds" if self.spread == "interval" else "runs"


_QUALITY = (BLEU, CHARACTER_BLEU, REWARD, GATED_SCORE, RM_DPO, RM_RDPO)
_TOY = (TRUE_REWARD, HARMFUL)
_OF_TRAJECTORIES = (MARGIN_AT_END, MARGIN_AT_KL, MARGIN_PER_TOKEN)
_RANKS = (RANKS_OF_REWARD, RANKS_OF_TRUE_REWARD)
_TIME = (WALL_HOURS, DEVICE_HOURS, TIME_RATIO, TIME_REDUCTION)
_WORK = (TOKENS, PAIRS, FLOPS, FLOP_RATE, PEAK_MEMORY, ENERGY)
_BY_CRITERION = tuple(
    Metric(
        f"{outcome}_{criterion}",
        outcome.title(),
        f"{OUTCOMES[outcome]} for {criterion}",
        direction="",
        subscript=criterion,
        source=criterion,
        decimals=1,
    )
    for criterion in CRITERIA
    for outcome in ("win", "lose")
)

LAYOUTS = {
    layout.name: layout
    for layout in (
        TableLayout("table2", "Table 2: fine-tuning", (*_QUALITY, *_TOY), baseline=True),
        TableLayout(
            "table3",
            "Table 3: human study",
            RATED,
            baseline=True,
            records="study",
            pooled=True,
        ),
        TableLayout(
            "table3-datasets",
            "Table 3 by data set: human study",
            RATED,
            baseline=True,
            records="study",
        ),
        TableLayout(
            "table4",
            "Table 4: win rates",
            (WIN, LOSE, TIE, SIGN_P, SIGNED_RANK_P),
            records="judge",
            heading="Comparison",
        ),
        TableLayout(
            "table4-criteria",
            "Table 4 by criterion: win rates",
            _BY_CRITERION,
            records="judge",
            heading="Comparison",
        ),
        TableLayout("table5", "Table 5: transfer learning", (*_QUALITY, *_TOY)),
        TableLayout(
            "table6",
            "Table 6: number of responses, fine-tuning",
            (*_QUALITY, *_TOY),
            axes=("responses",),
        ),
        TableLayout(
            "table7",
            "Table 7: number of responses, transfer learning",
            (*_QUALITY, *_TOY),
            axes=("responses",),
        ),
        TableLayout("table8", "Table 8: β, fine-tuning", (KL, *_QUALITY, *_TOY), axes=("beta",)),
        TableLayout(
            "margins",
            "Margins, and what they are bought with",
            (RM_DPO, HARDEST, ACCURACY, SHIFT_CHOSEN, SHIFT_REJECTED, KL, *_TOY),
            baseline=True,
        ),
        TableLayout(
            "margins-normalised",
            "Margins on scales that policies share",
            (RM_DPO, MARGIN_PER_KL, MARGIN_IN_SD, *_OF_TRAJECTORIES, *_RANKS),
            records="margins",
        ),
        TableLayout(
            "comparisons",
            "Differences between policies",
            (DIFFERENCE, COHEN, DOMINANCE, PROMPTS_P, SEEDS_P),
            axes=("metric",),
            heading="Comparison",
            compared=(BLEU, CHARACTER_BLEU, REWARD, RM_DPO, HARDEST, TRUE_REWARD),
        ),
        TableLayout(
            "cost",
            "Cost of training",
            (*_TIME, *_WORK),
            axes=("responses",),
            spread="deviation",
            records="policies",
        ),
    )
}
"""Tables by name; 2 to 8 and the costs carry the numbers of the paper."""

_DATASETS = {"hh-rlhf": "HH-RLHF", "pku-saferlhf": "PKU-SafeRLHF"}
_REWARDS = {"rdpo": "R-DPO", "simpo": "SimPO", "slic": "SLiC", "lipo": "LiPO"}


def find_layout(name: str) -> TableLayout:
    """Layout of a table by its name.

    Raises:
        UserError: there is no such table.
    """
    if name not in LAYOUTS:
        raise UserError(f"no table {name!r}; {nearest(name, LAYOUTS)}")
    return LAYOUTS[name]


def dataset_title(name: str) -> str:
    """The name that a data set's authors use, or the config's own."""
    return _DATASETS.get(name, name)


def reward_title(reward: str) -> str:
    """The name that a reward's authors use, for example ``SimPO``."""
    return _REWARDS.get(reward, reward.upper())


def policy_title(reward: str, method: str) -> str:
    """Label of a row in the paper's form, for example ``DPO-HPS``."""
    return f"{reward_title(reward)}-{method.upper()}"
