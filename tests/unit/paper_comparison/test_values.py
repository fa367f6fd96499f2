"""Verdicts of fabricated results, by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hps_bench.paper import SIMULATED_RATERS
from hps_bench.paper_comparison.values import ONE_SEED, ComparedFigure
from hps_bench.tables.build import build_table
from hps_bench.tables.metrics import RM_DPO
from hps_bench.workflow import Workflow
from tests.unit.paper_comparison.fabricated import at, compared, experiment, policies, suite
from tests.unit.study.rated import rows, study_files, write_study
from tests.unit.tables.fabricated import (
    HH,
    PKU,
    judged,
    write_evaluation,
    write_judgements,
)


def write_seeds(
    results: Path, of: Workflow, policy: str, metric: str, means: Sequence[float]
) -> None:
    for each, value in zip(policies(of, policy), means, strict=False):
        write_evaluation(results, each.evaluation_path, **{metric: value})


def test_agrees_within_the_interval(tmp_path: Path) -> None:
    # Both draws of a resample are the first seed in a quarter of resamples, more than the 2.5 %
    # below the lower bound, so that the bounds are the two seeds.
    made = suite(**experiment(seeds=[0, 1]))
    write_seeds(tmp_path, made, "dpo-hps", "rm_dpo", [2.5, 2.9])
    found = at(compared(made.comparison, tmp_path), "rm_dpo")
    assert (found.verdict, found.reason) == ("agrees", "")
    assert found.ours is not None
    assert (found.ours.mean, found.ours.low, found.ours.high) == pytest.approx((2.7, 2.5, 2.9))
    assert found.difference == pytest.approx(2.7 - 2.723)
    # Seeds 0.4 apart deviate by 0.4 / √2.
    assert found.deviations == pytest.approx((2.7 - 2.723) * 2**0.5 / 0.4)


def test_differs_outside_it(tmp_path: Path) -> None:
    made = suite(**experiment())
    write_seeds(tmp_path, made, "dpo-hps", "rm_dpo", [2.8, 2.9, 3.0])
    assert at(compared(made.comparison, tmp_path), "rm_dpo").verdict == "differs"


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(2.7234, "agrees"), (2.7236, "differs"), (2.7226, "agrees"), (2.7224, "differs")],
)
def test_rounding_of_the_published_figure_is_allowed_for(
    tmp_path: Path, value: float, verdict: str
) -> None:
    made = suite(**experiment())
    write_seeds(tmp_path, made, "dpo-hps", "rm_dpo", [value] * 3)
    assert at(compared(made.comparison, tmp_path), "rm_dpo").verdict == verdict


def test_without_records_it_is_missing(tmp_path: Path) -> None:
    made = suite(**experiment())
    write_seeds(tmp_path, made, "dpo-hps", "reward_best", [0.43] * 3)
    found = compared(made.comparison, tmp_path)
    assert (at(found, "rm_dpo").verdict, at(found, "rm_dpo").reason) == ("missing", "not computed")
    none = at(found, "rm_dpo", "dpo-bt")
    assert (none.verdict, none.reason, none.ours) == ("missing", "no result yet", None)
    other = at(found, "rm_dpo", "exo-hps")
    assert other.reason == "no experiment of the config asks for it"


@pytest.mark.parametrize(
    ("seeds", "written", "reason"), [([0, 1, 2], 2, "2 of 3 seeds"), ([0], 1, ONE_SEED)]
)
def test_too_few_seeds_give_no_verdict(
    tmp_path: Path, seeds: list[int], written: int, reason: str
) -> None:
    made = suite(**experiment(seeds=seeds))
    write_seeds(tmp_path, made, "dpo-hps", "rm_dpo", [2.7] * written)
    found = at(compared(made.comparison, tmp_path), "rm_dpo")
    assert (found.verdict, found.reason) == ("not comparable", reason)
    assert found.ours is not None


def test_one_evaluation_of_the_reference_model_is_enough(tmp_path: Path) -> None:
    made = suite(**experiment())
    write_evaluation(tmp_path, f"{HH}/sft", reward_best=0.425)
    found = compared(made.comparison, tmp_path)
    assert at(found, "reward_score", "sft").verdict == "agrees"
    assert at(found, "reward_score", "sft", PKU).verdict == "missing"


def test_another_config_has_no_verdict_and_says_why(tmp_path: Path) -> None:
    made = suite(training__learning_rate=1e-6, plan__epochs=1, **experiment())
    write_seeds(tmp_path, made, "dpo-hps", "rm_dpo", [2.723] * 3)
    found = at(compared(made.comparison, tmp_path), "rm_dpo")
    assert found.verdict == "not comparable"
    assert found.reason == "learning rate 1e-06, the paper's 5e-07; 1 epoch, the paper's 2"
    # The number itself is shown.
    assert found.ours is not None
    assert (found.ours.mean, found.difference) == pytest.approx((2.723, 0.0))


def test_published_bleu_is_compared_with_the_authors_bleu(tmp_path: Path) -> None:
    made = suite(**experiment())
    write_seeds(tmp_path, made, "dpo-hps", "bleu_char_nltk", [0.232] * 3)
    assert at(compared(made.comparison, tmp_path), "bleu").verdict == "agrees"


def win_rates(results: Path, judge: str = "Qwen/Qwen2.5-72B-Instruct", **changed: Any) -> Any:
    """DPO-HPS against SFT on HH-RLHF: 3 wins, 1 loss and a tie, for each of two seeds."""
    made = suite(
        **{**experiment(seeds=[0, 1]), "tables": {"table4": ["only"]}},
        **changed,
    )
    scores = {"sft": [1.0, 1.0, 1.0, 4.0, 2.0]}
    scores |= {of.policy_path: [3.0, 2.0, 5.0, 1.0, 2.0] for of in policies(made, "dpo-hps")}
    write_judgements(results, HH, judged(scores), judge)
    found = compared(made.comparison, results)
    return {
        name: found[name, key, group]
        for name, key, group in found
        if key.opponent == "sft" and group.evaluated_on == HH
    }


def test_win_rates_are_those_of_the_table(tmp_path: Path) -> None:
    found = win_rates(tmp_path)
    assert [found[name].ours.mean for name in ("win", "lose", "tie")] == pytest.approx([60, 20, 20])
    # 63.875 and 13.225 of the paper lie within the intervals of five prompts.
    assert [found[name].verdict for name in ("win", "lose", "tie")] == ["agrees"] * 3


def test_another_judge_or_protocol_has_no_verdict(tmp_path: Path) -> None:
    other = win_rates(tmp_path, judge="a/b")["win"]
    assert (other.verdict, other.reason) == ("not comparable", "the judge is not the paper's")
    mean = win_rates(tmp_path, judge__aggregate="mean")["win"]
    assert mean.reason == "the judge takes the mean of 5 samples, the paper the best of 5"


def test_hours_are_never_compared(tmp_path: Path) -> None:
    found = compared(suite(**experiment()).comparison, tmp_path)
    hours = [of for (column, *_), of in found.items() if column == "wall_hours"]
    assert len(hours) == 3
    assert {of.reason for of in hours} == {"the paper names neither data set nor n for its hours"}


def ratings(results: Path, raters: int = 3, **changed: Any) -> dict[str, ComparedFigure]:
    """Three raters: SFT gets the paper's score, and each policy 0.1 more than the one before."""
    axes = {"datasets": [HH, PKU], "seeds": [0]}
    made = suite(**{**experiment(**axes), "study": {"experiment": "only"}}, **changed)
    given = rows(lambda r, _i, p: 3.53 + p / 10 + r / 10, 3, 4)
    write_study(results / "study", study_files(raters, 4), given)
    found = compared(made.comparison, results)
    return {key.title: of for (name, key, _), of in found.items() if name == "quality_score"}


def test_without_a_human_study_its_figures_are_missing(tmp_path: Path) -> None:
    found = compared(suite(**experiment()).comparison, tmp_path)
    reasons = {of.reason for (column, *_), of in found.items() if column == "quality_score"}
    assert reasons == {"no human study of the config asks for it"}


def test_before_anybody_has_rated_the_study_has_no_result(tmp_path: Path) -> None:
    made = suite(**{**experiment(datasets=[HH, PKU], seeds=[0]), "study": {"experiment": "only"}})
    found = compared(made.comparison, tmp_path)
    reasons = {of.reason for (column, *_), of in found.items() if column == "quality_score"}
    assert reasons == {"no result yet"}


def test_raters_scores_stand_beside_the_papers(tmp_path: Path) -> None:
    found = ratings(tmp_path)
    sft = found["SFT model"]
    assert sft.ours is not None
    assert sft.ours.mean == pytest.approx(3.63)
    assert sft.verdict == "agrees"
    # One policy of each method is rated: another seed's might be rated otherwise.
    hps = found["DPO-HPS"]
    assert hps.ours is not None
    assert hps.ours.mean == pytest.approx(3.93)
    assert (hps.verdict, hps.reason, hps.seed_deviation) == ("not comparable", ONE_SEED, None)
    assert hps.ours.seeds == 1


def test_while_raters_are_awaited_there_is_no_verdict(tmp_path: Path) -> None:
    found = ratings(tmp_path, raters=5)["SFT model"]
    assert (found.verdict, found.reason) == ("not comparable", "3 of 5 raters")
    assert found.ours is not None


def test_simulated_raters_are_never_compared(tmp_path: Path) -> None:
    for of in ratings(tmp_path, study__simulated={}).values():
        assert (of.ours, of.verdict, of.reason) == (None, "not comparable", SIMULATED_RATERS)
    # Also where the config does not say so, but the ratings do.
    again = rows(lambda *_: 3.63, 3, 4, source="simulated")
    made = suite(**{**experiment(datasets=[HH, PKU], seeds=[0]), "study": {"experiment": "only"}})
    write_study(tmp_path / "study", study_files(3, 4), again)
    found = compared(made.comparison, tmp_path)
    reasons = {of.reason for (column, *_), of in found.items() if column == "quality_score"}
    assert reasons == {SIMULATED_RATERS}


def test_a_study_of_one_data_set_is_another_study(tmp_path: Path) -> None:
    made = suite(**{**experiment(seeds=[0]), "study": {"experiment": "only"}})
    found = compared(made.comparison, tmp_path)
    reasons = {of.reason for (column, *_), of in found.items() if column == "quality_score"}
    assert reasons == {"the study's prompts are not from both of the paper's data sets"}


def test_same_number_as_in_the_table(tmp_path: Path) -> None:
    made = suite(**{**experiment(), "tables": {"table2": ["only"]}})
    for seed, of in enumerate(policies(made, "dpo-hps")):
        write_evaluation(tmp_path, of.evaluation_path, "abcdef", rm_dpo=[1.0, 5, 2, 8, 3, seed])
    table = build_table("table2", made.table_job("table2"), tmp_path)
    [shown] = [
        value.interval
        for row in table.rows
        for column, value in row.values.items()
        if row.key.method == "hps" and column.metric == RM_DPO
    ]
    assert at(compared(made.comparison, tmp_path), "rm_dpo").ours == shown
