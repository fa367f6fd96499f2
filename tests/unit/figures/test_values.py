"""What figures draw, against values computed by hand from fabricated records."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hps_bench.figures import (
    cost_margin,
    gamma_schedule,
    margin_distributions,
    margin_kl_quality,
    margin_n,
    training_curves,
    trajectories,
    win_rates,
)
from hps_bench.figures.cost_margin import pareto_front
from hps_bench.figures.style import BLUE, VERMILLION
from hps_bench.tables.build import build_table
from hps_bench.tables.metrics import RM_DPO
from hps_bench.tables.table import Column, Group
from tests.unit.figures.fabricated import (
    job,
    point,
    write_journal,
    write_plan,
    write_trajectory,
)
from tests.unit.tables.fabricated import (
    HH,
    cell,
    cells,
    judged,
    write_evaluation,
    write_judgements,
    write_training,
)
from tests.unit.tables.fabricated import job as table_job


def rows(frame: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return list(frame[list(columns)].itertuples(index=False, name=None))


def test_training_curves_over_seeds(tmp_path: Path) -> None:
    """Losses 4, 2, 1 and 8, 8, 2 are shares 1, .5, .25 and 1, 1, .25 of their first."""
    first, second = cells("dpo-hps", seeds=2)
    losses = {first: (4, 2, 1), second: (8, 8, 2)}
    for seed, values in losses.items():
        write_journal(
            tmp_path,
            seed,
            [{"loss": loss, "rewards/margins": 10 * k} for k, loss in enumerate(values)],
        )
    frame = training_curves.records(job(first, second), tmp_path)
    assert rows(frame, "quantity", "step", "mean", "low", "high", "seeds") == [
        ("loss", 1, 1.0, 1.0, 1.0, 2),
        ("loss", 2, 0.75, 0.5, 1.0, 2),
        ("loss", 3, 0.25, 0.25, 0.25, 2),
        ("margin", 1, 0.0, 0.0, 0.0, 2),
        ("margin", 2, 10.0, 10.0, 10.0, 2),
        ("margin", 3, 20.0, 20.0, 20.0, 2),
    ]


def test_policies_count_once_and_only_when_finished(tmp_path: Path) -> None:
    done, running = cells("dpo-hps", seeds=2)
    for of in (done, running):
        write_journal(tmp_path, of, [{"loss": 1.0, "rewards/margins": 0.0}])
    (tmp_path / "policies" / running.policy_path / "training.json").unlink()
    transferred = cell("dpo-hps", evaluated_on="pku-saferlhf")
    frame = training_curves.records(job(done, running, transferred), tmp_path)
    assert rows(frame, "quantity", "seeds") == [("loss", 1), ("margin", 1)]


def test_curves_are_smoothed_over_a_tenth_of_the_steps() -> None:
    """30 steps: a window of 3, of 2 at either end."""
    smooth = training_curves.smoothed(pd.Series([0.0, 3.0, 6.0, 0.0] + [0.0] * 26))
    assert smooth[:5].tolist() == [1.5, 3.0, 3.0, 2.0, 0.0]


def test_long_curves_are_thinned(tmp_path: Path) -> None:
    of = cell("dpo-hps")
    write_journal(tmp_path, of, [{"loss": 1.0} for _ in range(1000)])
    frame = training_curves.records(job(of), tmp_path)
    assert len(frame) == 200
    assert (frame["step"].min(), frame["step"].max()) == (1, 1000)


def test_margin_distribution(tmp_path: Path) -> None:
    """At 0: one of four margins of one seed, two of the other."""
    first, second = cells("dpo-hps", seeds=2)
    prompts = ("a", "b", "c", "d")
    write_evaluation(tmp_path, first.evaluation_path, prompts, rm_dpo=[-1.0, 1.0, 2.0, 3.0])
    write_evaluation(tmp_path, second.evaluation_path, prompts, rm_dpo=[-1.0, 0.0, 2.0, 3.0])
    frame = margin_distributions.records(job(first, second), tmp_path)
    at_zero = frame[frame["margin"] == 0]
    assert rows(at_zero, "mean", "low", "high", "seeds") == [(0.375, 0.25, 0.5, 2)]
    assert frame["mean"].is_monotonic_increasing
    assert frame["margin"].iloc[[0, -1]].tolist() == pytest.approx([-1.0, 3.0])


def test_margin_distribution_leaves_out_missing_margins(tmp_path: Path) -> None:
    of = cell("dpo-hps")
    write_evaluation(tmp_path, of.evaluation_path, rm_dpo=[None, 2.0])
    frame = margin_distributions.records(job(of), tmp_path)
    assert rows(frame, "margin", "mean") == [(2.0, 1.0)]


def test_margins_by_n(tmp_path: Path) -> None:
    """Margins 1 and 3: mean 2, deviation √2; over a mean KL of 4: a half."""
    of = [cell("dpo-hps", responses=n) for n in (20, 5)]
    for each in of:
        write_evaluation(tmp_path, each.evaluation_path, rm_dpo=[1.0, 3.0], kl_preferred=[3.0, 5.0])
    frame = margin_n.records(job(*of), tmp_path)
    assert frame["responses"].tolist() == [5, 5, 5, 20, 20, 20]
    assert frame["quantity"].tolist() == ["rm_dpo", "margin_in_sd", "margin_per_kl"] * 2
    assert frame["mean"].tolist() == pytest.approx([2, np.sqrt(2), 0.5] * 2)
    nats = frame.iloc[0]
    assert (nats["low"], nats["high"], nats["prompts"]) == (1.0, 3.0, 2)


def test_margins_at_equal_kl_by_n(tmp_path: Path) -> None:
    """Straight lines to KL 2 and margin 4, KL 1 and margin 3: at KL 1, margins are 2 and 3."""
    ends = {20: (2.0, 4.0), 5: (1.0, 3.0)}
    of = [cell("dpo-hps", responses=n) for n in ends]
    for each, (kl, margin) in zip(of, ends.values(), strict=True):
        write_evaluation(tmp_path, each.evaluation_path, rm_dpo=margin, kl_preferred=kl)
        run = [point(step, step / 2, "a") for step in (0, 2)]
        run[1] |= {"kl_preferred": kl, "rm_dpo": margin}
        write_trajectory(tmp_path, each, run)
    frame = margin_n.records(job(*of), tmp_path)
    at_kl = frame[frame["quantity"] == "margin_at_matched_kl"]
    assert rows(at_kl, "responses", "mean") == [(5, 3.0), (20, 2.0)]
    figure = margin_n.draw(frame)
    assert [axes.get_title() for axes in figure.axes][-1] == "Margin at equal KL, nats"


def test_margins_are_matched_within_seeds_that_all_have(tmp_path: Path) -> None:
    """Seed 1 of n = 20 has no other n to be matched with; nor do policies that none follows."""
    of = [*cells("dpo-hps", responses=20, seeds=2), cell("dpo-hps", responses=5)]
    for each in of:
        write_evaluation(tmp_path, each.evaluation_path, rm_dpo=1.0, kl_preferred=1.0)
        size = each.responses / 5
        run = [point(0, 0, "a"), point(2, 1, "a", kl_preferred=size, rm_dpo=size)]
        write_trajectory(tmp_path, each, run)
    frame = margin_n.records(job(*of), tmp_path)
    at_kl = frame[frame["quantity"] == "margin_at_matched_kl"]
    assert rows(at_kl, "responses", "mean", "seeds") == [(5, 1.0, 1), (20, 1.0, 1)]
    none = margin_n.records(job(*of).model_copy(update={"followed": []}), tmp_path)
    assert "margin_at_matched_kl" not in set(none["quantity"])


def test_margins_of_one_n_are_no_curve(tmp_path: Path) -> None:
    of = cell("dpo-hps")
    write_evaluation(tmp_path, of.evaluation_path, rm_dpo=[1.0, 3.0])
    assert margin_n.records(job(of), tmp_path).empty


def test_intervals_are_those_of_the_tables(tmp_path: Path) -> None:
    of = cells("dpo-hps", "dpo-bt", seeds=2)
    for place, each in enumerate(of):
        write_evaluation(tmp_path, each.evaluation_path, rm_dpo=[1.0 + place, 3.0 - place])
        write_training(tmp_path, each, hours=1)
    table = build_table("margins", table_job(*of), tmp_path)
    shown = {
        row.key.method: row.values[Column(Group(HH, HH), RM_DPO)].interval for row in table.rows
    }
    frame = cost_margin.records(job(*of), tmp_path)
    for method, low, high in rows(frame, "method", "margin_low", "margin_high"):
        interval = shown[method]
        assert interval is not None
        assert (interval.low, interval.high) == (low, high)


def test_win_rates(tmp_path: Path) -> None:
    """Against SFT: two wins, a tie and a loss of four prompts."""
    of = cell("dpo-hps")
    scores: dict[str, list[float | None]] = {
        of.policy_path: [3.0, 3.0, 2.0, 1.0],
        "sft": [2.0, 2.0, 2.0, 2.0],
    }
    write_judgements(tmp_path, HH, judged(scores))
    frame = win_rates.records(job(of), tmp_path)
    shares = rows(frame, "comparison", "evaluated_on", "win", "tie", "lose", "prompts")
    assert shares == [("DPO-HPS vs. SFT model", HH, 50.0, 25.0, 25.0, 4)]
    [(low, high, p)] = rows(frame, "win_low", "win_high", "p_sign")
    assert 0 <= low < 50 < high <= 100
    assert p == 1.0  # two of three, two-sided


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(1, 1), (2, 2), (3, 1.5)], [True, True, False]),
        ([(1, 1), (1, 2)], [False, True]),
        ([(1, 1), (2, 1)], [True, False]),
        ([(1, 1), (1, 1)], [True, True]),
        ([(5, -1)], [True]),
    ],
)
def test_pareto_front(points: list[tuple[float, float]], front: list[bool]) -> None:
    costs, values = np.array(points, dtype=float).T
    assert pareto_front(costs, values).tolist() == front


def test_cost_against_margin(tmp_path: Path) -> None:
    """HPS: 1 and 3 hours, margins of 2; BT is dearer and worse, PL dearer and better."""
    hps = cells("dpo-hps", seeds=2)
    bt, pl = cells("dpo-bt", "dpo-pl")
    hours = {hps[0]: 1, hps[1]: 3, bt: 4, pl: 5}
    margins = {hps[0]: 2.0, hps[1]: 2.0, bt: 1.0, pl: 9.0}
    for each in hours:
        write_training(tmp_path, each, hours[each])
        write_evaluation(tmp_path, each.evaluation_path, rm_dpo=margins[each])
    frame = cost_margin.records(job(*hours, cell("exo-hps")), tmp_path)
    assert rows(frame, "method", "device_seconds", "margin", "front", "seeds") == [
        ("hps", 7200.0, 2.0, True, 2),
        ("bt", 14400.0, 1.0, False, 1),
        ("pl", 18000.0, 9.0, True, 1),
    ]
    assert rows(frame.iloc[:1], "device_seconds_low", "device_seconds_high") == [(3600.0, 10800.0)]


def test_margin_kl_and_quality(tmp_path: Path) -> None:
    of = cell("dpo-hps")
    write_evaluation(
        tmp_path,
        of.evaluation_path,
        rm_dpo=[1.0, 3.0],
        kl_preferred=[4.0, 6.0],
        true_reward=[0.0, 1.0],
        reward_best=[7.0, 7.0],
    )
    write_evaluation(tmp_path, of.baseline_path, true_reward=[-1.0, -1.0])
    write_trajectory(
        tmp_path,
        of,
        [
            point(0, 0.0, "a"),
            point(0, 0.0, "b"),
            point(5, 1.0, "a", rm_dpo=1.0, kl_preferred=2.0),
            point(5, 1.0, "b", rm_dpo=2.0, kl_preferred=4.0),
        ],
    )
    frame = margin_kl_quality.records(job(of), tmp_path)
    shown = frame.astype(object).where(frame.notna(), None)
    assert rows(shown, "method", "kind", "share", "kl", "margin", "quality", "quality_metric") == [
        ("sft", "point", None, 0.0, 0.0, -1.0, "true_reward"),
        ("hps", "point", None, 5.0, 2.0, 0.5, "true_reward"),
        ("hps", "path", 0.0, 0.0, 0.0, None, None),
        ("hps", "path", 1.0, 3.0, 1.5, None, None),
    ]


def markers(figure: Any) -> set[tuple[str, str]]:
    """Colours and markers of the points, without caps."""
    points = [line for axes in figure.axes for line in axes.lines if line.get_linestyle() == "None"]
    return {(line.get_color(), line.get_marker()) for line in points} - {("#000000", "X")}


def test_markers_tell_rewards_apart_where_there_are_several(tmp_path: Path) -> None:
    of = [cell(policy) for policy in ("dpo-hps", "dpo-bt", "nca-hps")]
    for each in of:
        write_evaluation(
            tmp_path, each.evaluation_path, rm_dpo=1.0, kl_preferred=1.0, reward_best=1.0
        )
    one = margin_kl_quality.draw(margin_kl_quality.records(job(*of[:2]), tmp_path))
    several = margin_kl_quality.draw(margin_kl_quality.records(job(*of), tmp_path))
    hps, bt = VERMILLION, BLUE
    assert {of for of in markers(one) if of[1] in "osD^"} == {(hps, "o"), (bt, "s")}
    assert {of for of in markers(several) if of[1] in "osD^"} == {(hps, "o"), (bt, "o"), (hps, "s")}
    [legend] = several.legends
    assert [text.get_text() for text in legend.get_texts()] == ["HPS", "BT", "DPO", "NCA"]


def test_quality_is_the_evaluation_reward_where_no_truth_is_known(tmp_path: Path) -> None:
    of = cell("dpo-hps")
    write_evaluation(tmp_path, of.evaluation_path, rm_dpo=1.0, reward_best=[7.0, 9.0])
    frame = margin_kl_quality.records(job(of), tmp_path)
    assert rows(frame, "quality", "quality_metric") == [(8.0, "reward_best")]


def test_nothing_is_shown_of_a_reference_model_alone(tmp_path: Path) -> None:
    of = cell("dpo-hps")
    write_evaluation(tmp_path, of.baseline_path, reward_best=1.0)
    assert margin_kl_quality.records(job(of), tmp_path).empty


def test_ranks_of_negatives(tmp_path: Path) -> None:
    """First stage: ranks 3, 3, 2 and 3; the second weighs ranks 2 and 3 by 3 : 1."""
    first, second = cells("dpo-hps", seeds=2, responses=3)
    easy, weights = -5.0, [0.0, float(np.log(0.75)), float(np.log(0.25))]
    end = (5.0, [1, 2, 3], weights)
    write_plan(tmp_path, first, [(easy, [1, 3], [0, 0]), (easy, [1, 3], [0, 0]), end])
    write_plan(tmp_path, second, [(easy, [1, 2], [0, 2]), (easy, [1, 3], [0, 2]), end])
    frame = gamma_schedule.records(job(first, second), tmp_path)
    columns = ("start", "end", "gamma", "rank", "share", "seeds")
    expected = [
        (0.0, 2 / 3, -5.0, 2, 0.25, 2),
        (0.0, 2 / 3, -5.0, 3, 0.75, 2),
        (2 / 3, 1.0, 5.0, 2, 0.75, 2),
        (2 / 3, 1.0, 5.0, 3, 0.25, 2),
    ]
    assert rows(frame, *columns) == [pytest.approx(row) for row in expected]


def test_ranks_of_corrected_negatives_count_once(tmp_path: Path) -> None:
    """The one loser of a comparison is all of its negatives, however large its correction."""
    of = cell("dpo-hps-corrected", responses=3)
    write_plan(tmp_path, of, [(5.0, [1, 2], [0, 2000]), (5.0, [1, 3], [0, -2000])])
    frame = gamma_schedule.records(job(of), tmp_path)
    assert rows(frame, "rank", "share") == [(2, 0.5), (3, 0.5)]


def test_plans_are_shared_by_rewards_and_have_a_gamma_or_are_left_out(tmp_path: Path) -> None:
    of = cells("dpo-hps", "exo-hps", "dpo-bt")
    write_plan(tmp_path, of[0], [(0.0, [1, 2], [0, 0])])
    write_plan(tmp_path, of[2], [(None, [1, 2], [0, 0])])
    frame = gamma_schedule.records(job(*of), tmp_path)
    assert rows(frame, "method", "rank", "share", "seeds") == [("hps", 2, 1.0, 1)]


def test_trajectories(tmp_path: Path) -> None:
    """Cosines 6 / (2 · 5) = .6 and 1 / 5 = .2; a gradient of 0 has none."""
    of = cell("dpo-hps")
    norms = {"gradient_norm_chosen": 2.0, "gradient_norm_rejected": 5.0}
    accuracy = {"ranking_accuracy": 1.0, "log_ratio_chosen": -1.0, "log_ratio_rejected": -3.0}
    write_trajectory(
        tmp_path,
        of,
        [
            point(4, 0.5, "a", gradient_inner=6.0, **norms, **accuracy),
            point(4, 0.5, "b", gradient_inner=2.0, **norms),
            point(4, 0.5, "c", gradient_inner=0.0),
        ],
    )
    frame = trajectories.records(job(of), tmp_path)
    found = {name: (share, mean) for name, share, mean in rows(frame, "quantity", "share", "mean")}
    assert found == {
        "ranking_accuracy": (0.5, pytest.approx(1 / 3)),
        "entanglement": (0.5, pytest.approx(0.4)),
        "log_ratio_chosen": (0.5, pytest.approx(-1 / 3)),
        "log_ratio_rejected": (0.5, pytest.approx(-1.0)),
    }
