"""What is inconsistent in the published tables, checked by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest

from hps_bench.paper_comparison import consistency
from hps_bench.paper_comparison.consistency import (
    OFFSETS,
    check_tables,
    judgement_counts,
    margin_offsets,
)
from hps_bench.tables.published import published_figures
from tests.unit.tables.fabricated import HH, PKU


def broken() -> list[tuple[str, str, str]]:
    """Check, place and what was found, of what does not hold."""
    return [(of.check, of.place, of.found) for of in check_tables() if not of.holds]


@pytest.mark.parametrize(
    ("dataset", "constant", "on", "least", "largest"),
    [(HH, "-0.683", 11, "-1.933", "-0.044"), (PKU, "-0.608", 19, "-0.726", "0.891")],
)
def test_offsets_of_the_margins(
    dataset: str, constant: str, on: int, least: str, largest: str
) -> None:
    offsets = margin_offsets(dataset)
    found = list(offsets.by_row.values())
    assert offsets.constant == Decimal(constant)
    assert sum(map(offsets.agrees, found)) == on
    assert (min(found), max(found)) == (Decimal(least), Decimal(largest))


def test_policies_count_once_in_the_offsets() -> None:
    # HH-RLHF: 15 of Table 2, 15 of Table 5, n = 5, 20, 50 of Table 6, β = 0.25 … 1 of Table 8.
    assert len(margin_offsets(HH).by_row) == 15 + 15 + 6 + 8
    assert len(margin_offsets(PKU).by_row) == 15 + 15 + 6


def test_offset_is_the_difference_of_the_two_margins() -> None:
    # Table 2, DPO-PL on PKU-SafeRLHF: -5.961 + 6.852; Table 8, DPO-BT at β = 1: -1.990 + 0.308.
    found = {place: found for check, place, found in broken() if check == OFFSETS}
    assert found["Table 2, DPO-PL (PKU-SafeRLHF)"] == "0.891"
    assert found["Table 8, DPO-BT, β = 1 (HH-RLHF)"] == "-1.682"
    # Table 2, DPO-HPS on HH-RLHF: 2.040 - 2.723 is the constant.
    assert "Table 2, DPO-HPS (HH-RLHF)" not in found
    assert len(found) == 44 - 11 + 36 - 19


def test_everything_else_that_does_not_hold() -> None:
    assert [one for one in broken() if one[0] != OFFSETS] == [
        (
            "RM_R-DPO rises with n",
            "Table 6, DPO-BT",
            "n = 5: -0.516, n = 20: -0.490, n = 50: -0.507, n = 100: -0.455",
        ),
        (
            "KL falls with β",
            "Table 8, DPO-BT",
            "β = 0.1: 8.463, β = 0.25: 5.888, β = 0.5: 2.661, β = 0.75: 2.996, β = 1: 2.043",
        ),
        (
            "|RM_DPO| falls with β, as KL does",
            "Table 8, DPO-BT",
            "β = 0.1: 0.349, β = 0.25: 0.206, β = 0.5: 0.239, β = 0.75: 0.264, β = 1: 0.308",
        ),
        (
            "|RM_DPO| falls with β, as KL does",
            "Table 8, DPO-HPS",
            "β = 0.1: 2.723, β = 0.25: 0.146, β = 0.5: 0.228, β = 0.75: 0.242, β = 1: 0.316",
        ),
        (
            "No number stands out of its column",
            "Table 7, BLEU",
            "DPO-HPS, n = 50 (HH-RLHF → PKU-SafeRLHF): 0.230, others 0.307 to 0.310",
        ),
        (
            "No number stands out of its column",
            "Table 7, Reward",
            "DPO-HPS, n = 50 (HH-RLHF → PKU-SafeRLHF): 0.307, others 0.406 to 0.407",
        ),
    ]


def test_numbers_of_judgements() -> None:
    assert judgement_counts(HH) == [8000, 16000]
    assert judgement_counts(PKU) == list(range(2000, 20_001, 2000))


@pytest.mark.parametrize("dataset", [HH, PKU])
def test_shares_are_counts_of_these_numbers_exactly(dataset: str) -> None:
    total = judgement_counts(dataset)[0]
    for figure in published_figures("table4"):
        if figure.group.evaluated_on == dataset:
            count = round(Fraction(figure.text) * total / 100)
            assert abs(Fraction(100 * count, total) - Fraction(figure.text)) <= Fraction("0.0005")


def test_repeated_rows_and_quotations_hold() -> None:
    findings = check_tables()
    repeats = [of for of in findings if of.check.startswith("Rows that stand")]
    assert [of.place for of in repeats] == [
        "Tables 2, 6 and 8, DPO-BT (HH-RLHF)",
        "Tables 2, 6 and 8, DPO-HPS (HH-RLHF)",
        "Tables 5 and 7, DPO-BT (HH-RLHF → PKU-SafeRLHF)",
        "Tables 5 and 7, DPO-HPS (HH-RLHF → PKU-SafeRLHF)",
    ]
    assert all(of.holds for of in repeats)
    quoted = [of for of in findings if of.check.startswith("Figures quoted")]
    assert len(quoted) == 15
    assert all(of.holds for of in quoted)


def test_a_changed_number_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def misprinted(table: str) -> tuple[object, ...]:
        """Table 6 with one digit of DPO-HPS at n = 100 changed."""
        return tuple(
            type(figure)(figure.table, figure.key, figure.group, figure.column, "2.732")
            if (table, figure.text) == ("table6", "2.723")
            else figure
            for figure in published_figures(table)
        )

    monkeypatch.setattr(consistency, "published_figures", misprinted)
    assert (
        "Rows that stand in several tables are equal",
        "Tables 2, 6 and 8, DPO-HPS (HH-RLHF)",
        "RM_DPO 2.723, 2.732",
    ) in broken()
