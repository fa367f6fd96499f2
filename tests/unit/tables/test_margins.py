"""Normalised margins, by hand and against scipy."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr, ttest_1samp

from hps_bench.cell import Cell
from hps_bench.errors import UserError
from hps_bench.tables.build import build_table
from hps_bench.tables.settings import TableJob
from hps_bench.tables.table import Group, Table, Value
from tests.unit.tables.fabricated import HH, PKU, SETTINGS, cell, cells, write_evaluation
from tests.unit.trajectory.fabricated import write_fabricated

NAME = "margins-normalised"
PROMPTS = "abcdef"
MARGINS = [1.0, 5.0, 2.0, 8.0, 3.0, -1.0]
KL = [0.5, 1.0, 1.5, 1.0, 0.5, 1.5]
REWARDS = [0.1, 0.9, 0.2, 0.8, None, 0.3]


def job(*of: Cell, followed: bool = True) -> TableJob:
    return TableJob(
        cells=list(of),
        incomparable=[None] * len(of),
        statistics=SETTINGS,
        followed=[c.policy_path for c in of] if followed else [],
    )


def table(results: Path, *of: Cell, followed: bool = True) -> Table:
    return build_table(NAME, job(*of, followed=followed), results)


def values(made: Table, row: int = 0) -> dict[str, Value]:
    return {column.metric.name: value for column, value in made.rows[row].values.items()}


def shown(made: Table) -> set[str]:
    return {column.metric.name for column in made.columns}


def mean(value: Value) -> float:
    assert value.interval is not None
    assert value.interval.low <= value.interval.mean <= value.interval.high
    return value.interval.mean


def write(results: Path, of: Cell, **changed: object) -> None:
    metrics = {"rm_dpo": MARGINS, "kl_preferred": KL, "reward_mean": REWARDS} | changed
    write_evaluation(results, of.evaluation_path, PROMPTS, **metrics)


def test_of_records_by_hand_and_by_scipy(tmp_path: Path) -> None:
    """Margins add up to 18 and KL to 6; t = mean / (SD / √n)."""
    write(tmp_path, cell())
    found = values(table(tmp_path, cell()))
    assert mean(found["margin_per_kl"]) == pytest.approx(3.0)
    t = ttest_1samp(MARGINS, 0.0).statistic
    assert mean(found["margin_in_sd"]) == pytest.approx(t / np.sqrt(6))
    there = [place for place, reward in enumerate(REWARDS) if reward is not None]
    rho = spearmanr([MARGINS[p] for p in there], [REWARDS[p] for p in there]).statistic
    assert mean(found["margin_reward_rank_correlation"]) == pytest.approx(rho)
    interval = found["margin_reward_rank_correlation"].interval
    assert interval is not None
    assert interval.prompts == 5


def test_seeds_are_averaged(tmp_path: Path) -> None:
    """3 nats of margin a nat of KL in one seed, 6 in the other."""
    write(tmp_path, cell())
    write(tmp_path, cell(seed=1), rm_dpo=[2 * margin for margin in MARGINS])
    found = values(table(tmp_path, *cells("dpo-hps", seeds=2)))["margin_per_kl"]
    assert mean(found) == pytest.approx(4.5)
    assert (found.found, found.expected) == (2, 2)


def test_scale_of_a_margin_does_not_move_deviations_and_ranks(tmp_path: Path) -> None:
    """As over-training does, all margins are five times as large."""
    for of, factor in ((cell("dpo-bt"), 1), (cell("dpo-hps"), 5)):
        write(tmp_path, of, rm_dpo=[factor * margin for margin in MARGINS])
    made = table(tmp_path, cell("dpo-bt"), cell("dpo-hps"))
    plain, scaled = values(made), values(made, 1)
    assert mean(scaled["rm_dpo"]) == pytest.approx(5 * mean(plain["rm_dpo"]))
    for name in ("margin_in_sd", "margin_reward_rank_correlation"):
        assert mean(scaled[name]) == pytest.approx(mean(plain[name]))


def test_columns_of_trajectories_are_there_only_with_them(tmp_path: Path) -> None:
    write(tmp_path, cell())
    write_fabricated(tmp_path, cell(), {"a": [0.0, 1.0]}, {"a": [0.0, 2.0]})
    own = {"margin_at_end", "margin_at_matched_kl", "margin_per_token"}
    assert own <= shown(table(tmp_path, cell()))
    assert not own & shown(table(tmp_path, cell(), followed=False))


def test_matched_within_seeds_by_hand(tmp_path: Path) -> None:
    """Seed 0: bt ends at KL 1, where hps has gone half its way to 8; seed 1: hps ends first.

    So bt has its 2 at seed 0 and, at KL 1 of 4, a quarter of 12 at seed 1: 2.5 on average. hps has
    4, and its final 6.
    """
    bt, hps = cells("dpo-bt", seeds=2), cells("dpo-hps", seeds=2)
    ends = {bt[0]: (1, 2), hps[0]: (2, 8), bt[1]: (4, 12), hps[1]: (1, 6)}
    for of, (kl, margin) in ends.items():
        write(tmp_path, of)
        kls, margins = ({prompt: [0.0, end] for prompt in "ab"} for end in (kl, margin))
        write_fabricated(tmp_path, of, kls, margins)
    made = table(tmp_path, *bt, *hps)
    assert mean(values(made)["margin_at_matched_kl"]) == pytest.approx(2.5)
    assert mean(values(made)["margin_at_end"]) == pytest.approx((2 + 12) / 2)
    found = values(made, 1)["margin_at_matched_kl"]
    assert mean(found) == pytest.approx(5.0)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((4.0, 6.0))
    assert (
        "HH-RLHF: margins are compared at a KL of 1.000 nats, the smallest at the end of "
        "training, mean over 2 seeds." in made.notes
    )


def test_a_policy_that_is_missing_at_a_seed_holds_up_no_other(tmp_path: Path) -> None:
    bt, hps = cells("dpo-bt", seeds=2), cells("dpo-hps", seeds=2)
    for of in (*bt, hps[0]):
        write(tmp_path, of)
        write_fabricated(tmp_path, of, {"a": [0.0, 1.0 + (of in bt)]}, {"a": [0.0, 4.0]})
    found = values(table(tmp_path, *bt, *hps))["margin_at_matched_kl"]
    assert mean(found) == pytest.approx((2.0 + 4.0) / 2), "half way at seed 0, all at seed 1"


def test_transfer_has_no_trajectory(tmp_path: Path) -> None:
    of = cell(trained_on=PKU, evaluated_on=HH)
    write(tmp_path, of)
    write_fabricated(tmp_path, of, {"a": [0.0, 1.0]}, {"a": [0.0, 2.0]})
    assert "margin_at_matched_kl" not in shown(table(tmp_path, of))


def test_other_pairs_are_refused(tmp_path: Path) -> None:
    for of, prompt in ((cell("dpo-bt"), "a"), (cell("dpo-hps"), "b")):
        write(tmp_path, of)
        write_fabricated(tmp_path, of, {prompt: [0.0, 1.0]}, {prompt: [0.0, 2.0]})
    with pytest.raises(UserError, match="of other pairs than the others; make it again"):
        table(tmp_path, cell("dpo-bt"), cell("dpo-hps"))


def test_undefined_is_a_dash(tmp_path: Path) -> None:
    """Equal margins have no deviation and no ranks; without KL there is no ratio."""
    write(tmp_path, cell(), rm_dpo=2.0, kl_preferred=None)
    found = values(table(tmp_path, cell()))
    for name in ("margin_per_kl", "margin_in_sd", "margin_reward_rank_correlation"):
        assert found[name].interval is None
    assert not table(tmp_path, cell(seed=7)).rows[0].progress(Group(HH, HH)).found


def test_correlation_over_runs_is_that_of_scipy(tmp_path: Path) -> None:
    """Four runs; mean rewards in the order 2, 1, 3, 4 of their margins."""
    of = [cell(policy, seed=seed) for policy in ("dpo-bt", "dpo-hps") for seed in range(2)]
    for place, (one, reward) in enumerate(zip(of, (0.2, 0.1, 0.3, 0.4), strict=True)):
        write(tmp_path, one, rm_dpo=[m + place for m in MARGINS], reward_mean=reward)
    rho = spearmanr([0, 1, 2, 3], [2, 1, 3, 4]).statistic
    assert (
        "HH-RLHF: over 4 runs, mean RM_DPO has a rank correlation (Spearman) of "
        f"{rho:.2f} with mean evaluation reward." in table(tmp_path, *of).notes
    )
