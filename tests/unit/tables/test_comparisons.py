"""Comparisons of fabricated records with known differences."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import sacrebleu
import scipy.stats

from hps_bench.cell import Cell
from hps_bench.errors import UserError
from hps_bench.statistics import random_effects_test, variance_components
from hps_bench.tables.build import build_table
from hps_bench.tables.comparisons import ComparedMeasure, compared_measure
from hps_bench.tables.display import shown_rows
from hps_bench.tables.html import html_page
from hps_bench.tables.latex import latex_fragment
from hps_bench.tables.layout import LAYOUTS
from hps_bench.tables.long_form import CSV_COLUMNS, csv_text
from hps_bench.tables.metrics import BLEU, RM_DPO, Metric
from hps_bench.tables.table import Group, RowKey, Table, Value
from tests.unit.statistics.samples import corpus, statistics_of
from tests.unit.tables.fabricated import HH, PKU, cell, cells, job, write_evaluation

PROMPTS = "abcdefghij"
QUANTITIES = ["difference", "d_z", "delta", "p_prompts", "p_seeds"]


def against(opponent: str, metric: Metric = RM_DPO) -> RowKey:
    return RowKey("dpo", "hps", 100, 0.1, opponent, metric)


def measure(results: Path, *of: Cell) -> ComparedMeasure:
    return compared_measure(LAYOUTS["comparisons"], job(*of), results)


def values(results: Path, key: RowKey, *of: Cell) -> dict[str, Value]:
    """Values of one row by quantity; of the first group."""
    found = measure(results, *of).values(key, [each for each in of if each.method == "hps"])
    return dict(zip(QUANTITIES, found, strict=True))


def means(of: dict[str, Value]) -> dict[str, float]:
    return {name: value.interval.mean for name, value in of.items() if value.interval}


def titles(table: Table) -> list[str]:
    return [table.row_title(row) for row in table.rows]


def normal(shape: int | tuple[int, int], seed: int = 0) -> list[float]:
    return [float(x) for x in np.random.default_rng(seed).normal(0.5, 1.0, shape)]


def test_quantities_are_the_columns_of_the_layout() -> None:
    assert [metric.name for metric in LAYOUTS["comparisons"].metrics] == QUANTITIES


def test_rows_are_the_metrics_and_in_them_the_comparisons(tmp_path: Path) -> None:
    of = [*cells("dpo-pl", "dpo-bt", "dpo-hps"), *cells("dpo-bt", "dpo-hps", trained_on=PKU)]
    table = build_table("comparisons", job(*of), tmp_path)
    assert table.headings == ("Metric", "Comparison")
    assert [row.labels for row in table.rows][:4] == [
        ("BLEU", "DPO-HPS vs. SFT model"),
        ("BLEU", "DPO-HPS vs. DPO-BT"),
        ("BLEU", "DPO-HPS vs. DPO-PL"),
        ("char-BLEU", "DPO-HPS vs. SFT model"),
    ]
    assert len(table.rows) == 5 * 3
    assert [row.starts_block for row in shown_rows(table)] == [True, False, False] * 5
    assert [group.title for group in table.groups] == ["HH-RLHF", "PKU-SafeRLHF"]


def test_rows_differ_in_n(tmp_path: Path) -> None:
    of = [*cells("dpo-hps", responses=20), *cells("dpo-hps", responses=5)]
    table = build_table("comparisons", job(*of), tmp_path)
    assert table.headings == ("n", "Metric", "Comparison")
    assert [row.labels for row in table.rows][:3] == [
        ("20", "BLEU", "DPO-HPS vs. SFT model"),
        ("5", "BLEU", "DPO-HPS vs. SFT model"),
        ("20", "char-BLEU", "DPO-HPS vs. SFT model"),
    ]


def test_difference_and_effect_sizes_by_hand(tmp_path: Path) -> None:
    # Differences 1, 2, 3 and -2: mean 1, standard deviation √(14/3), three above and one below.
    subject, other = cells("dpo-hps", "dpo-bt")
    write_evaluation(tmp_path, subject.evaluation_path, "abcd", rm_dpo=[3.0, 3.0, 4.0, 0.0])
    write_evaluation(tmp_path, other.evaluation_path, "abcd", rm_dpo=[2.0, 1.0, 1.0, 2.0])
    found = values(tmp_path, against("bt"), subject, other)
    assert means(found) == {
        "difference": 1.0,
        "d_z": pytest.approx((3 / 14) ** 0.5),
        "delta": 0.5,
        # Of 2⁴ exchanges, 8 have a sum as far from 0 as 4: ±8, twice ±6, once ±4 by signs.
        "p_prompts": pytest.approx(0.5, abs=0.03),
    }
    interval = found["difference"].interval
    assert interval is not None
    assert (interval.seeds, interval.prompts) == (1, 4)
    assert interval.low < 1 < interval.high


def test_prompts_are_paired_by_name_and_count_where_both_have_a_value(tmp_path: Path) -> None:
    subject, other = cells("dpo-hps", "dpo-bt")
    write_evaluation(tmp_path, subject.evaluation_path, "abc", rm_dpo=[1.0, 2.0, 30.0])
    write_evaluation(tmp_path, other.evaluation_path, "dba", rm_dpo=[50.0, 1.0, 0.5])
    difference = values(tmp_path, against("bt"), subject, other)["difference"].interval
    assert difference is not None
    assert (difference.mean, difference.prompts) == (0.75, 2)


def test_seeds_are_paired_and_the_reference_model_has_none(tmp_path: Path) -> None:
    subjects, others = cells("dpo-hps", seeds=3), cells("dpo-bt", seeds=3)
    table = np.array(normal(30)).reshape(3, 10)
    reference = np.array(normal(10, seed=1))
    for subject, other, row in zip(subjects, others, table, strict=True):
        write_evaluation(tmp_path, subject.evaluation_path, PROMPTS, rm_dpo=list(row))
        write_evaluation(tmp_path, other.evaluation_path, PROMPTS, rm_dpo=list(2 * row))
    write_evaluation(tmp_path, f"{HH}/sft", PROMPTS, rm_dpo=list(reference))
    found = values(tmp_path, against("bt"), *subjects, *others)
    assert means(found)["difference"] == pytest.approx(-table.mean())
    # Two tests of seeds: against BT and, below, against the reference model.
    raw = [
        variance_components(list(of)) for of in ((-table).round(9), (table - reference).round(9))
    ]
    p = [random_effects_test(components) for components in raw if components]
    expected = scipy.stats.false_discovery_control([min(p)], method="bh")[0] * 2
    against_sft = values(tmp_path, against("sft"), *subjects, *others)
    assert means(against_sft)["difference"] == pytest.approx((table - reference).mean())
    both = [means(of)["p_seeds"] for of in (found, against_sft)]
    assert min(both) == pytest.approx(min(1.0, expected))
    assert max(both) == pytest.approx(max(min(both), max(p)))


def test_p_is_adjusted_over_metrics_comparisons_and_data_sets(tmp_path: Path) -> None:
    # Four tests with the least p there is, 1 / 10,001, and one of no difference.
    of = [cell(), cell(trained_on=PKU)]
    for each in of:
        numbers = dict.fromkeys(("rm_dpo", "reward_best"), [2.0] * 40)
        write_evaluation(tmp_path, each.evaluation_path, map(str, range(40)), **numbers)
    for dataset, lower in ((HH, 1.0), (PKU, 1.5)):
        prompts = map(str, range(40))
        write_evaluation(tmp_path, f"{dataset}/sft", prompts, rm_dpo=lower, reward_best=lower)
    found = measure(tmp_path, *of).comparisons
    p = {place: of.p["p_prompts"] for place, of in found.items() if of.p}
    assert len(p) == 4
    assert list(p.values()) == pytest.approx([4 / 10_001] * 4)
    note = "\n".join(build_table("comparisons", job(*of), tmp_path).notes)
    # One seed: no test of seeds.
    assert "by itself, over all of the table: 4 tests of prompts, 0 of seeds." in note
    assert "10000 random exchanges, so that none is below 0.0004." in note


def test_corpus_bleu_has_a_difference_and_a_test_but_no_effect_size(tmp_path: Path) -> None:
    subject, other = cells("dpo-hps", "dpo-bt")
    scores = []
    for each, kept in ((subject, 0.95), (other, 0.3)):
        hypotheses, references = corpus(30, seed=2, kept=kept)
        numbers = statistics_of(hypotheses, references).astype(int).tolist()
        names = [f"p{place:02}" for place in range(30)]
        write_evaluation(tmp_path, each.evaluation_path, names, bleu_statistics=numbers)
        scores.append(sacrebleu.corpus_bleu(hypotheses, [references]).score / 100)
    found = values(tmp_path, against("bt", BLEU), subject, other)
    assert means(found) == {
        "difference": pytest.approx(scores[0] - scores[1], rel=1e-12),
        "p_prompts": pytest.approx(1 / 10_001),
    }


def test_optional_metrics_have_rows_where_some_record_has_them(tmp_path: Path) -> None:
    of = cells("dpo-hps", "dpo-bt")
    assert "True reward" not in "".join(titles(build_table("comparisons", job(*of), tmp_path)))
    for each in of:
        write_evaluation(tmp_path, each.evaluation_path, true_reward=[1.0, 2.0])
    table = build_table("comparisons", job(*of), tmp_path)
    assert titles(table)[-1] == "DPO-HPS vs. DPO-BT, Metric = True reward"
    assert "True reward: the toy world's own reward, mean over samples." in table.notes


def test_row_that_says_nothing_where_all_results_are_there_is_left_out(tmp_path: Path) -> None:
    # The reference model has a reward and, being the reference, no margin.
    write_evaluation(tmp_path, cell().evaluation_path, rm_dpo=1.0, reward_best=1.0)
    write_evaluation(tmp_path, f"{HH}/sft", reward_best=0.5)
    table = build_table("comparisons", job(cell()), tmp_path)
    assert titles(table) == ["DPO-HPS vs. SFT model, Metric = Reward"]


def test_column_of_seeds_is_left_out_with_one_seed(tmp_path: Path) -> None:
    for policy in ("dpo-hps", "dpo-bt"):
        write_evaluation(tmp_path, cell(policy).evaluation_path, PROMPTS, rm_dpo=normal(10))
    table = build_table("comparisons", job(*cells("dpo-hps", "dpo-bt")), tmp_path)
    assert [column.metric.name for column in table.columns] == QUANTITIES[:4]
    assert "How differences vary between seeds takes two of them to say." in table.notes


def test_seeds_that_one_side_lacks_do_not_count(tmp_path: Path) -> None:
    subjects, others = cells("dpo-hps", seeds=3), cells("dpo-bt", seeds=3)
    for seed, each in enumerate(subjects):
        write_evaluation(tmp_path, each.evaluation_path, rm_dpo=[1.0 + seed, 5.0])
    write_evaluation(tmp_path, others[1].evaluation_path, rm_dpo=[1.0, 1.0])
    found = values(tmp_path, against("bt"), *subjects, *others)["difference"]
    assert found.interval is not None
    assert (found.interval.mean, found.found, found.expected) == (2.5, 1, 3)
    table = build_table("comparisons", job(*subjects, *others), tmp_path)
    place = titles(table).index("DPO-HPS vs. DPO-BT, Metric = RM_DPO")
    assert shown_rows(table)[place].status == "1/3 seeds"
    assert values(tmp_path, against("sft"), *subjects, *others)["difference"].missing
    assert "DPO-HPS vs. SFT model, Metric = RM_DPO (HH-RLHF)" in "\n".join(table.notes)


def test_csv_names_metric_opponent_and_quantity(tmp_path: Path) -> None:
    for policy, of in (("dpo-hps", normal(10)), ("dpo-bt", normal(10, seed=1))):
        write_evaluation(tmp_path, cell(policy).evaluation_path, PROMPTS, rm_dpo=of)
    table = build_table("comparisons", job(*cells("dpo-hps", "dpo-bt")), tmp_path)
    reader = csv.DictReader(io.StringIO(csv_text(table)))
    assert reader.fieldnames is not None
    assert tuple(reader.fieldnames) == (*CSV_COLUMNS, "opponent", "quantity")
    rows = {(row["metric"], row["opponent"], row["quantity"]): row for row in reader}
    assert len(rows) == (5 + 1) * 4
    difference = rows["rm_dpo", "bt", "difference"]
    expected = np.mean(normal(10)) - np.mean(normal(10, seed=1))
    assert float(difference["mean"]) == pytest.approx(expected)
    assert float(difference["low"]) < expected < float(difference["high"])
    p = rows["rm_dpo", "bt", "p_prompts"]
    assert (p["low"], p["high"], p["prompts"]) == ("", "", "10")
    assert rows["rm_dpo", "sft", "d_z"]["note"] == "missing (0/1 seeds)"
    assert rows["rm_dpo", "sft", "difference"]["note"] == "missing (0/1 seeds)"


def test_same_records_same_numbers_and_another_seed_others(tmp_path: Path) -> None:
    for policy, of in (("dpo-hps", normal(10)), ("dpo-bt", normal(10, seed=1))):
        write_evaluation(tmp_path, cell(policy).evaluation_path, PROMPTS, rm_dpo=of)
    of_table = job(*cells("dpo-hps", "dpo-bt"))
    layout = LAYOUTS["comparisons"]
    one, again = (compared_measure(layout, of_table, tmp_path).comparisons for _ in range(2))
    assert one == again
    seeded = of_table.statistics.model_copy(update={"seed": 1})
    other = of_table.model_copy(update={"statistics": seeded})
    assert compared_measure(layout, other, tmp_path).comparisons != one


def test_page_and_fragment_show_the_numbers(tmp_path: Path) -> None:
    of = cells("dpo-hps", "dpo-bt")
    for each, margin in zip(of, (3.25, 1.0), strict=True):
        write_evaluation(tmp_path, each.evaluation_path, PROMPTS, rm_dpo=margin)
    table = build_table("comparisons", job(*of), tmp_path)
    for text in (html_page(table), latex_fragment(table)):
        assert "2.250" in text
        assert "DPO-HPS vs. DPO-BT" in text


def test_groups_are_the_pairs_of_data_sets(tmp_path: Path) -> None:
    of = cell(trained_on=PKU, evaluated_on=HH)
    write_evaluation(tmp_path, of.evaluation_path, rm_dpo=2.0)
    write_evaluation(tmp_path, f"{HH}/sft", rm_dpo=0.0)
    found = measure(tmp_path, of).comparisons[against("sft"), Group(PKU, HH)]
    assert found.sizes["difference"].mean == 2.0


def test_table_without_a_policy_to_compare_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^comparisons: its experiments compare nothing; give"):
        build_table("comparisons", job(*cells("dpo-bt", "dpo-pl")), tmp_path)
