"""The figures: their names, titles, captions, and which results each is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from hps_bench.errors import UserError, nearest

Records = Literal["evaluations", "policies", "judge", "plans", "trajectories"]


@dataclass(frozen=True)
class FigureInfo:
    """One figure.

    Attributes:
        name: in file names and configs.
        title: heading, in plain text.
        caption: what is drawn and how to read it, in plain text.
        reads: folders of the results that it is drawn from.
    """

    name: str
    title: str
    caption: str
    reads: tuple[Records, ...]


_INTERVAL = "with the bootstrap interval of the tables, over prompts and seeds"
_SEEDS = "Bands reach from the lowest to the highest seed."

FIGURES: dict[str, FigureInfo] = {
    figure.name: figure
    for figure in (
        FigureInfo(
            "training-curves",
            "Loss and margin over training",
            "Loss, as a share of the loss of the first step, where the policy is still the "
            "reference model, and mean implicit reward margin β(h of the winner − mean h of the "
            "losers), over the comparisons of a step. Methods compare different responses: their "
            "margins are not of one scale. Lines are means over seeds, smoothed by a centred "
            f"running mean over a tenth of the steps. {_SEEDS}",
            ("policies",),
        ),
        FigureInfo(
            "margin-distributions",
            "Margins over test prompts",
            "Share of human test pairs whose margin RM_DPO is at most x, in nats: the further to "
            "the right, the larger the margins. At 0 the line shows the share of pairs that a "
            "policy does not rank correctly. The axis leaves out the outermost half per cent on "
            f"either side. Lines are means over seeds. {_SEEDS}",
            ("evaluations",),
        ),
        FigureInfo(
            "margin-n",
            "Margin against the number of responses",
            "Margin RM_DPO on human test pairs against n, the responses per training prompt: in "
            "nats; in standard deviations of the margin over prompts; per nat of KL(π ‖ π_ref) "
            "along the preferred response; and, for policies with trajectories, on their pairs, "
            "when training first came to the smallest final KL of the policies of a row. A margin "
            "in nats grows with every step away from the reference model. Margin per KL favours "
            "policies that stayed near it, since KL is quadratic in a small change; margins at "
            "equal KL compare policies that went equally far. Whiskers are the bootstrap "
            "intervals of the tables, over prompts and seeds; methods stand side by side at the "
            "same n.",
            ("evaluations", "trajectories"),
        ),
        FigureInfo(
            "win-rates",
            "Win rates by the judge",
            "Per cent of prompts that the policy named first wins, ties and loses against the "
            "policy or model named second, by the judge's scores. Whiskers are the bootstrap "
            "intervals of the shares of wins and of losses, over prompts and seeds. The line "
            "marks half of the prompts.",
            ("judge",),
        ),
        FigureInfo(
            "cost-margin",
            "Cost of training against margin",
            "Margin RM_DPO on human test pairs against the device time of training, one point per "
            f"policy, {_INTERVAL}; horizontal whiskers reach from the fastest to the slowest "
            "seed. Markers tell rewards apart where there are several. Rings and the line mark the "
            "policies for which no other is both as cheap and as good (Pareto front), named from "
            "the cheapest to the dearest.",
            ("evaluations", "policies"),
        ),
        FigureInfo(
            "margin-kl-quality",
            "What margins are bought with",
            "Left: margin RM_DPO on human test pairs against KL(π ‖ π_ref) along the preferred "
            "response; thin lines are the path of a policy over its training, where it has a "
            "trajectory, mean over seeds: on the first of the test pairs alone, so that a line "
            "need not end at its point. Right: the same margin against "
            "the quality of samples, by the true reward in the toy world and by the evaluation "
            "reward model elsewhere. "
            f"One point per policy, {_INTERVAL}, in the colour of its method; markers tell "
            "rewards apart where there are several. The SFT model has margin and KL 0. Margins "
            "that grow while quality falls come from over-training.",
            ("evaluations", "trajectories"),
        ),
        FigureInfo(
            "gamma-schedule",
            "Hardness over training, and the negatives it draws",
            "Top: hardness γ of hard preference sampling over training. Bottom: share of the "
            "negatives drawn at each rank (1 is the best response, which wins), in equal parts of "
            "the run, all seeds together; the line is the median rank. Negative γ draws easy "
            "negatives, of high rank; positive γ draws hard ones.",
            ("plans",),
        ),
        FigureInfo(
            "trajectories",
            "Test pairs over training",
            "Snapshots of the policies on human test pairs: share of pairs ranked correctly; "
            "cosine of the gradients of log π of the preferred and of the dispreferred response, "
            "whose closeness to 1 ties both together (gradient entanglement, arXiv 2410.13828); "
            "and log-ratio h of the preferred (solid) and dispreferred (dashed) response. Lines "
            f"are means over seeds. {_SEEDS}",
            ("trajectories",),
        ),
    )
}
"""Figures by name, in the order in which documents show them."""


def find_figure(name: str) -> FigureInfo:
    """A figure by its name.

    Raises:
        UserError: there is no such figure.
    """
    if name not in FIGURES:
        raise UserError(f"no figure {name!r}; {nearest(name, FIGURES)}")
    return FIGURES[name]


def is_drawn(folder: Path, name: str) -> bool:
    """Whether a figure was drawn; one without records has a note in its place.

    Args:
        folder: of the figures.
        name: of the figure.
    """
    files = [folder / f"{name}.{kind}" for kind in ("csv", "pdf", "png")]
    return all(file.is_file() for file in files) and has_records(files[0])


def has_records(file: Path) -> bool:
    """Whether there is more to a CSV file than its head."""
    with file.open(encoding="utf-8") as lines:
        return len(list(islice(lines, 2))) == 2
