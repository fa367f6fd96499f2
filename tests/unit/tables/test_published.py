"""Values read off the paper's tables (arXiv 2502.14400v5) by eye."""

import pytest

from hps_bench.tables.layout import find_layout
from hps_bench.tables.metrics import RM_DPO
from hps_bench.tables.published import (
    PublishedLookup,
    PublishedRow,
    published_costs,
    published_values,
)
from hps_bench.tables.table import BASELINE, Group, RowKey
from tests.unit.tables.fabricated import COMPARABLE, HH, PKU, cell


@pytest.mark.parametrize(
    ("table", "policy", "trained_on", "evaluated_on", "responses", "beta", "column", "value"),
    [
        ("table2", "dpo-hps", HH, HH, 100, 0.1, "rm_dpo", 2.723),
        ("table2", "exo-bt", PKU, PKU, 100, 0.1, "bleu", 0.324),
        ("table2", "nca-pl", PKU, PKU, 100, 0.1, "rm_rdpo", -71.518),
        ("table5", "sppo-hps", PKU, HH, 100, 0.1, "bleu", 0.275),
        ("table5", "dpo-hps", HH, PKU, 100, 0.1, "rm_dpo", 5.725),
        ("table6", "dpo-bt", HH, HH, 20, 0.1, "rm_rdpo", -0.490),
        ("table7", "dpo-hps", HH, PKU, 50, 0.1, "reward_score", 0.307),
        ("table8", "dpo-hps", HH, HH, 100, 0.1, "kl", 11.767),
        ("table8", "dpo-bt", HH, HH, 100, 1.0, "rm_dpo", -0.308),
    ],
)
def test_values_of_the_paper(
    table: str,
    policy: str,
    trained_on: str,
    evaluated_on: str,
    responses: int,
    beta: float,
    column: str,
    value: float,
) -> None:
    reward, method = policy.split("-")
    place = (RowKey(reward, method, responses, beta), Group(trained_on, evaluated_on))
    assert published_values(table)[place][column] == value


def test_reference_model_of_table_2_has_no_margins() -> None:
    assert published_values("table2")[BASELINE, Group("", PKU)] == {
        "bleu": 0.294,
        "reward_score": 0.406,
    }


@pytest.mark.parametrize(
    ("table", "rows"),
    [("table2", 32), ("table4", 6), ("table5", 30), ("table6", 8), ("table7", 8), ("table8", 10)],
)
def test_tables_are_whole(table: str, rows: int) -> None:
    assert len(published_values(table)) == rows


@pytest.mark.parametrize(
    ("dataset", "opponent", "numbers"),
    [
        (HH, "sft", (63.875, 13.225, 22.9)),
        (HH, "bt", (58.712, 13.6, 27.687)),
        (PKU, "pl", (57.65, 10.35, 32.0)),
    ],
)
def test_win_rates(dataset: str, opponent: str, numbers: tuple[float, ...]) -> None:
    place = (RowKey("dpo", "hps", 100, 0.1, opponent), Group(dataset, dataset))
    found = published_values("table4")[place]
    assert tuple(found[name] for name in ("win", "lose", "tie")) == numbers


def test_training_hours() -> None:
    costs = published_costs()
    assert {method: row["wall_hours"] for method, row in costs.items()} == {
        "pl": 168.4,
        "bt": 62.8,
        "hps": 64.4,
    }
    assert costs["pl"]["time_ratio_to_bt"] == pytest.approx(2.682, abs=5e-4)
    # Section 6 prints this one itself.
    assert costs["hps"]["time_reduction_from_pl_percent"] == pytest.approx(61.76, abs=5e-3)


def test_every_published_column_of_the_layouts_exists() -> None:
    for name in ("table2", "table4", "table5", "table6", "table7", "table8"):
        columns = {metric.published for metric in find_layout(name).metrics} - {""}
        found = {column for row in published_values(name).values() for column in row}
        assert columns == found


def test_cells_that_may_not_be_compared_keep_the_reason() -> None:
    key, group = RowKey("dpo", "hps", 100, 0.1), Group(HH, HH)
    toy = PublishedLookup(lambda _: "toy world").quality("table2", key, group, [cell()])
    real = COMPARABLE.quality("table2", key, group, [cell()])
    assert toy.beside(RM_DPO) == (None, "toy world")
    assert real.beside(RM_DPO) == (2.723, "")


def test_no_reason_is_given_where_the_paper_has_no_value() -> None:
    assert PublishedRow({}, "toy world").beside(RM_DPO) == (None, "")


def test_reference_model_is_comparable_where_one_cell_is() -> None:
    lookup = PublishedLookup(lambda cell: "other n" if cell.responses == 5 else None)
    row = lookup.quality("table2", BASELINE, Group(HH, HH), [cell(responses=5), cell()])
    assert row.incomparable == ""
    assert row.numbers["reward_score"] == 0.425
