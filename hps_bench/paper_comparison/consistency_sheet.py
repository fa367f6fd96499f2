"""The page of what the published tables say against themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby

from hps_bench.paper_comparison.consistency import (
    OFFSETS,
    Finding,
    Offsets,
    margin_offsets,
)
from hps_bench.paper_comparison.formulas import HH, PKU
from hps_bench.paper_comparison.sheets import Block, Cell, Heading, Sheet, sheet
from hps_bench.paper_comparison.titles import table_title
from hps_bench.tables.layout import dataset_title

_LENGTH_WEIGHT = Decimal("0.01")


def consistency_sheet(findings: Sequence[Finding]) -> Sheet:
    """How often each check holds, and where it does not."""
    offsets = [margin_offsets(dataset) for dataset in (HH, PKU)]
    return sheet(
        "Consistency of the published tables",
        [_counts(findings), _broken(findings), _offsets(offsets), _off_constant(findings)],
        [*(_implied(of) for of in offsets), *_NOTES],
    )


_NOTES = (
    "By Table 1, RM_R-DPO less RM_DPO is −0.01 times the mean difference of the lengths of the two "
    "responses of a test pair. No policy changes it, so that it is one number on a test set unless "
    "the pairs differ from policy to policy. The constant is the difference that most policies "
    "have; rounding changes a difference by 0.001 at most. A row that several tables repeat counts "
    "once.",
    "At the reference model RM_DPO is 0 and so is KL. β holds the policy near to it; the margins "
    "of Table 8 from β = 0.25 on move away from 0 while KL falls.",
    "That shares are whole counts of a number does not say that so many responses were judged: "
    "several samples of a prompt are not independent, and the interval of a share is wider then.",
)


def _counts(findings: Sequence[Finding]) -> Block:
    made = Counter(finding.check for finding in findings)
    held = Counter(finding.check for finding in findings if finding.holds)
    rows = [((check,), (str(count),), (str(held[check]),)) for check, count in made.items()]
    headings = (Heading("Check", 0.64), Heading("Made", 0.15), Heading("As expected", 0.15))
    return Block("Checks", headings, tuple(rows))


def _broken(findings: Sequence[Finding]) -> Block:
    rows = [
        ((one.check,), (one.place,), (one.found,))
        for one in findings
        if not one.holds and one.check != OFFSETS
    ]
    headings = (Heading("Check", 0.26), Heading("Where", 0.26), Heading("Found", 0.42))
    return Block("Not as expected", headings, tuple(rows))


def _offsets(offsets: Sequence[Offsets]) -> Block:
    texts = ("Test set", "Constant", "Table", "Policies", "On the constant", "Least", "Largest")
    rows = [row for of in offsets for row in _by_table(of)]
    headings = tuple(Heading(text, 0.15 if text == "Test set" else 0.13) for text in texts)
    return Block(OFFSETS, headings, tuple(rows))


def _by_table(offsets: Offsets) -> Iterator[tuple[Cell, ...]]:
    of_set: tuple[Cell, Cell] = ((dataset_title(offsets.evaluated_on),), (str(offsets.constant),))
    for table, items in groupby(offsets.by_row.items(), key=lambda item: item[0][0]):
        found = [offset for _, offset in items]
        on = sum(offsets.agrees(offset) for offset in found)
        numbers = (str(len(found)), str(on), str(min(found)), str(max(found)))
        yield (*of_set, (table_title(table),), *((number,) for number in numbers))
        of_set = (), ()


def _off_constant(findings: Sequence[Finding]) -> Block:
    rows = [
        ((one.place,), (one.found,), (one.expected,))
        for one in findings
        if not one.holds and one.check == OFFSETS
    ]
    headings = (Heading("Where", 0.54), Heading("Found", 0.15), Heading("Expected", 0.25))
    return Block("RM_R-DPO less RM_DPO is not the constant", headings, tuple(rows))


def _implied(offsets: Offsets) -> str:
    """What the offsets would mean if they were what Table 1 says."""
    lengths = [-offset / _LENGTH_WEIGHT for offset in offsets.by_row.values()]
    return (
        f"{dataset_title(offsets.evaluated_on)}: the constant would mean that preferred test "
        f"responses are longer by {-offsets.constant / _LENGTH_WEIGHT:.1f} on average; the offsets "
        f"of all policies would mean from {min(lengths):.1f} to {max(lengths):.1f}."
    )
