from pathlib import Path

import pytest

from hps_bench.errors import UserError
from hps_bench.tables.build import build_table
from hps_bench.tables.table import Row, Table, Value
from tests.unit.tables.fabricated import HH, PKU, cell, cells, job, write_evaluation


def titles(table: Table) -> list[str]:
    return [table.row_title(row) for row in table.rows]


def metrics(table: Table) -> list[str]:
    return [column.metric.name for column in table.columns]


def value(table: Table, row: str, metric: str, group: int = 0) -> Value:
    """Value by the title of its row."""
    column = next(
        c for c in table.columns if c.metric.name == metric and c.group == table.groups[group]
    )
    return found(table, row).values[column]


def found(table: Table, row: str) -> Row:
    return next(r for r in table.rows if table.row_title(r) == row)


def test_table_2_has_the_reference_model_first_and_data_sets_side_by_side(tmp_path: Path) -> None:
    of = [*cells("dpo-pl", "dpo-hps"), *cells("dpo-pl", "dpo-hps", trained_on=PKU)]
    table = build_table("table2", job(*of), tmp_path)
    assert titles(table) == ["SFT model", "DPO-PL", "DPO-HPS"]
    assert [group.title for group in table.groups] == ["HH-RLHF", "PKU-SafeRLHF"]
    assert metrics(table) == ["bleu", "bleu_char_nltk", "reward_best", "rm_dpo", "rm_rdpo"] * 2


def test_published_values_stand_at_their_cells(tmp_path: Path) -> None:
    # Table 2 of the paper: EXO-BT and NCA-HPS on both data sets, SFT on PKU-SafeRLHF.
    policies = ("exo-bt", "nca-hps")
    of = [*cells(*policies), *cells(*policies, trained_on=PKU)]
    table = build_table("table2", job(*of), tmp_path)
    assert value(table, "EXO-BT", "rm_dpo").published == 0.816
    assert value(table, "EXO-BT", "reward_best", group=1).published == 0.421
    assert value(table, "NCA-HPS", "rm_rdpo", group=1).published == -5.318
    assert value(table, "SFT model", "bleu_char_nltk", group=1).published == 0.294


def test_transfer_groups_name_both_data_sets(tmp_path: Path) -> None:
    of = [cell(trained_on=PKU, evaluated_on=HH), cell(trained_on=HH, evaluated_on=PKU)]
    table = build_table("table5", job(*of), tmp_path)
    assert titles(table) == ["DPO-HPS"]
    assert [group.title for group in table.groups] == [
        "PKU-SafeRLHF → HH-RLHF",
        "HH-RLHF → PKU-SafeRLHF",
    ]
    # Table 5 of the paper, DPO-HPS.
    assert value(table, "DPO-HPS", "rm_rdpo").published == -5.499
    assert value(table, "DPO-HPS", "rm_rdpo", group=1).published == 5.116


def test_rows_of_table_6_ascend_in_n(tmp_path: Path) -> None:
    of = [*cells("dpo-bt", "dpo-hps", responses=100), *cells("dpo-bt", "dpo-hps", responses=5)]
    table = build_table("table6", job(*of), tmp_path)
    assert table.headings == ("n", "Method")
    assert [row.labels for row in table.rows] == [
        ("5", "DPO-BT"),
        ("5", "DPO-HPS"),
        ("100", "DPO-BT"),
        ("100", "DPO-HPS"),
    ]
    # Table 6 of the paper.
    assert value(table, "DPO-HPS, n = 5", "rm_dpo").published == 0.600


def test_table_8_has_beta_and_kl(tmp_path: Path) -> None:
    table = build_table("table8", job(cell(beta=1.0), cell(beta=0.25)), tmp_path)
    assert table.headings == ("β", "Method")
    assert titles(table) == ["DPO-HPS, β = 0.25", "DPO-HPS, β = 1"]
    assert metrics(table)[0] == "kl_preferred"


def test_axis_in_which_rows_differ_gets_a_label(tmp_path: Path) -> None:
    table = build_table("table2", job(cell(beta=0.1), cell(beta=0.5)), tmp_path)
    assert table.headings == ("β", "Method")
    assert titles(table) == ["SFT model", "DPO-HPS, β = 0.1", "DPO-HPS, β = 0.5"]


def test_cost_rows_are_methods_by_n(tmp_path: Path) -> None:
    of = [c for n in (5, 100) for c in cells("dpo-pl", "exo-pl", "dpo-bt", responses=n)]
    table = build_table("cost", job(*of), tmp_path)
    assert titles(table) == ["PL, n = 5", "BT, n = 5", "PL, n = 100", "BT, n = 100"]
    assert [group.title for group in table.groups] == ["HH-RLHF"]
    assert value(table, "PL, n = 5", "wall_hours").expected == 2


def test_optional_metrics_show_where_some_record_has_them(tmp_path: Path) -> None:
    write_evaluation(tmp_path, cell().evaluation_path, true_reward=1.0)
    of = [cell(), cell(trained_on=PKU)]
    assert metrics(build_table("table2", job(*of), tmp_path))[5:7] == ["true_reward", "bleu"]


def test_column_that_no_cell_asks_for_is_not_missing(tmp_path: Path) -> None:
    table = build_table("table2", job(cell(), cell("exo-bt", trained_on=PKU)), tmp_path)
    exo_on_hh = value(table, "EXO-BT", "rm_dpo", group=0)
    assert (exo_on_hh.found, exo_on_hh.expected, exo_on_hh.published) == (0, 0, None)
    assert not exo_on_hh.missing
    assert value(table, "EXO-BT", "rm_dpo", group=1).missing


def test_values_of_a_row_belong_to_their_columns(tmp_path: Path) -> None:
    write_evaluation(tmp_path, cell().evaluation_path, rm_dpo=2.5, rm_rdpo=-1.5)
    table = build_table("table2", job(cell()), tmp_path)
    row = found(table, "DPO-HPS")
    means = {
        column.metric.name: interval.mean
        for column in table.columns
        if (interval := row.values[column].interval)
    }
    assert means == {"rm_dpo": 2.5, "rm_rdpo": -1.5}


def test_unknown_table_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no table 'table9'"):
        build_table("table9", job(cell()), tmp_path)
