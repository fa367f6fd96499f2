"""The page of the paper's claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from hps_bench.paper_comparison.checking import CheckedFormula
from hps_bench.paper_comparison.claims import Claim
from hps_bench.paper_comparison.sheets import Block, Cell, Heading, Sheet, sheet
from hps_bench.tables.settings import TableSettings

Checked = Sequence[CheckedFormula]

_LISTED_AT_MOST = 4
"""Formulas of a claim that stand beside it; more get a table of their own."""
_HEADINGS = (
    Heading("Claim", 0.32),
    Heading("Claimed", 0.08),
    Heading("Formula", 0.22),
    Heading("From the published tables", 0.16),
    Heading("From ours", 0.16),
)


def claim_sheet(checked: Checked, settings: TableSettings) -> Sheet:
    """All claims, then the formulas of those that name none."""
    claims = [(claim, list(of)) for claim, of in groupby(checked, key=lambda one: one.claim)]
    rows = [row for claim, of in claims for row in _rows(claim, of)]
    tried = [_tried(claim, of) for claim, of in claims if len(of) > _LISTED_AT_MOST]
    return sheet(
        "Claims of the paper",
        [Block("Claims, recomputed", _HEADINGS, tuple(rows)), *tried],
        _notes(settings),
    )


def _rows(claim: Claim, checked: Checked) -> Iterator[tuple[Cell, ...]]:
    first = ((claim.statement, claim.source), (_claimed(claim),))
    if len(checked) > _LISTED_AT_MOST:
        yield (*first, *_summary(checked))
        return
    for place, one in enumerate(checked):
        labels: tuple[Cell, ...] = ((), ()) if place else first
        yield (*labels, (one.formula.description,), _published(one), _ours(one))


def _summary(checked: Checked) -> tuple[Cell, Cell, Cell]:
    """A claim whose formula the paper leaves open."""
    unit = checked[0].claim.unit
    numbers = [one.published for one in checked]
    hits = sum(one.outcome == "holds" for one in checked)
    found = f"{hits} of them give it" if hits else "none gives it"
    return (
        (f"not given; {len(checked)} were tried, see below",),
        (found, f"from {_text(min(numbers))} to {_text(max(numbers))} {unit}"),
        _summary_of_ours(checked),
    )


def _summary_of_ours(checked: Checked) -> Cell:
    withheld = [one for one in checked if one.reason]
    agreeing = sum(one.verdict == "agrees" for one in checked)
    counts = (f"{agreeing} of {len(checked) - len(withheld)} agree",)
    if not withheld:
        return counts
    if len(withheld) == len(checked):
        return _withheld(withheld[0])
    return (*counts, "the others have no verdict")


def _tried(claim: Claim, checked: Checked) -> Block:
    """Formulas by row, baselines by column."""
    variants = tuple(dict.fromkeys(one.formula.variant for one in checked))
    rows = [
        (
            (description,),
            *((_text(one.published), *(f"ours {of}" for of in _estimate(one))) for one in of_row),
        )
        for description, of_row in groupby(checked, key=lambda one: one.formula.description)
    ]
    width = 0.48 / len(variants)
    headings = (Heading("Formula", 0.46), *(Heading(f"base: {v}", width) for v in variants))
    caption = f"Formulas tried for {_claimed(claim)} ({claim.source}), in {claim.unit}"
    return Block(caption, headings, tuple(rows))


def _claimed(claim: Claim) -> str:
    if claim.counts:
        return f"all {claim.claimed}" if claim.claimed else "no number"
    return f"{claim.claimed} {claim.unit}".strip() or "no number"


def _published(one: CheckedFormula) -> Cell:
    number = _number(one, one.published)
    rounding = f" ± {one.rounding:.2g}" if one.rounding else ""
    return (f"{number}{rounding}{_unit(one.claim)}", *filter(None, [one.outcome]))


def _ours(one: CheckedFormula) -> Cell:
    if one.reason:
        return (*_estimate(one), *_withheld(one))
    return (*_estimate(one), *filter(None, [one.verdict]))


def _withheld(one: CheckedFormula) -> Cell:
    return one.verdict, one.reason.partition("; ")[0]


def _estimate(one: CheckedFormula) -> Cell:
    if one.ours is None:
        return ()
    mean, low, high = (_number(one, of) for of in (one.ours.mean, one.ours.low, one.ours.high))
    return (f"{mean} [{low}, {high}]{_unit(one.claim)}",)


def _unit(claim: Claim) -> str:
    return f" {claim.unit}" if claim.unit else ""


def _number(one: CheckedFormula, number: float) -> str:
    """With the decimals of the claim; a mean of metrics has four."""
    if one.claim.counts:
        return f"{number:.0f}"
    return _text(number) if one.claim.unit else f"{number:.4f}"


def _text(number: float) -> str:
    return f"{number:.2f}"


def _notes(settings: TableSettings) -> list[str]:
    return [
        "Each claim is recomputed from the figures as printed (arXiv 2502.14400v5); ± is the most "
        "that their rounding can do. It holds where that reaches the claimed number, give or take "
        "half a unit of its last decimal; a number of comparisons must be the claimed one. A claim "
        "that names no number has no verdict.",
        f"Ours: the same formula of our means, with its {100 * settings.level:g} % interval by a "
        "joint bootstrap: all policies share the resampled seeds, and on a test set the resampled "
        "prompts. The claim agrees where the claimed number lies within the interval. Where all "
        "of some comparisons are claimed to hold, it agrees if they do at the lower bound, too, "
        "differs if one of them is reversed by its own bootstrap (at that level over all of them), "
        "and is undecided in between.",
        "base: the policy of BT or PL with the same reward. Formulas of both are over all pairs of "
        "HPS with one of them; of both margins, over both.",
    ]
