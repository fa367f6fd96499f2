"""The published numbers as printed, read off the paper (arXiv 2502.14400v5) by eye."""

from collections import Counter

import pytest

from hps_bench.paper_comparison.titles import TABLES
from hps_bench.tables.published import (
    half_unit,
    published_costs,
    published_figures,
    published_values,
)
from hps_bench.tables.table import BASELINE, Group, RowKey


def test_every_figure_of_the_paper_is_there() -> None:
    counts = Counter(figure.table for table in TABLES for figure in published_figures(table))
    # Table 2: 30 policies × 4 and the SFT model × 2 on each of two sets; Table 8 has KL, too.
    assert counts == {
        "table2": 124,
        "table3": 4,
        "table4": 18,
        "table5": 120,
        "table6": 32,
        "table7": 32,
        "table8": 50,
        "cost": 3,
    }


@pytest.mark.parametrize(
    ("table", "policy", "column", "text"),
    [
        ("table2", ("dpo", "hps", ""), "rm_rdpo", "2.040"),
        ("table2", ("none", "sft", ""), "bleu", "0.220"),
        ("table3", ("dpo", "pl", ""), "quality_score", "3.69"),
        ("table3", ("none", "sft", ""), "quality_score", "3.63"),
        ("table4", ("dpo", "hps", "sft"), "tie", "22.900"),
        ("table4", ("dpo", "hps", "bt"), "lose", "13.600"),
        ("cost", ("", "pl", ""), "wall_hours", "168.4"),
    ],
)
def test_figures_keep_their_decimals(
    table: str, policy: tuple[str, str, str], column: str, text: str
) -> None:
    first = next(
        figure
        for figure in published_figures(table)
        if (figure.key.reward, figure.key.method, figure.key.opponent) == policy
        and figure.column == column
    )
    assert first.text == text
    assert first.value == float(text)


@pytest.mark.parametrize(("text", "half"), [("2.040", 0.0005), ("168.4", 0.05), ("89", 0.5)])
def test_rounding_is_half_a_unit_of_the_last_decimal(text: str, half: float) -> None:
    assert half_unit(text) == pytest.approx(half)


def test_user_study_names_no_data_set() -> None:
    scores = published_values("table3")
    assert scores[BASELINE, Group("", "")] == {"quality_score": 3.63}
    assert scores[RowKey("dpo", "hps", 100, 0.1), Group("", "")] == {"quality_score": 3.93}


def test_hours_are_read_as_before() -> None:
    assert published_costs()["hps"]["wall_hours"] == 64.4
