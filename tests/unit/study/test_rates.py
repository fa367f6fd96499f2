import numpy as np
import pytest

from hps_bench.seeding import numpy_generator
from hps_bench.study.rates import mean_score, win_rates
from tests.unit.study.rated import POLICIES, SETTINGS, rated


def test_mean_by_hand_and_its_bounds_by_the_pigeonhole_bootstrap() -> None:
    scores = np.random.default_rng(0).uniform(1, 5, (3, 5))
    study = rated(lambda r, i, p: scores[r, i] if p else 1.0, 3, 5)
    found = mean_score(study.scored, "dpo-hps", "overall", SETTINGS)
    assert found is not None
    assert found.mean == pytest.approx(scores.mean())
    assert (found.raters, found.prompts) == (3, 5)
    # Owen 2007: weights of rows times weights of columns, both multinomial. With other draws.
    rng = numpy_generator(1)
    raters = rng.multinomial(3, [1 / 3] * 3, size=20_000) / 3
    items = rng.multinomial(5, [1 / 5] * 5, size=20_000) / 5
    expected = np.quantile(np.einsum("br,ri,bi->b", raters, scores, items), [0.025, 0.975])
    assert [found.low, found.high] == pytest.approx(expected, abs=0.15)


def test_a_missing_score_counts_for_nobody() -> None:
    study = rated(lambda r, i, _p: {"overall": None if (r, i) == (0, 0) else 2.0 + r}, 2, 2)
    found = mean_score(study.scored, "sft", "overall", SETTINGS)
    assert found is not None
    assert found.mean == 2.5
    assert mean_score(study.scored, "sft", "safety", SETTINGS) is None
    assert mean_score(study.scored, "dpo-kto", "overall", SETTINGS) is None


def test_win_rates_compare_averages_over_raters_prompt_by_prompt() -> None:
    """Raters disagree by two points; of the averages HPS wins 5 of 8 against BT, and loses 1."""
    better = [0.5, 0.25, 1.0, 0.75, 0.125, -0.0625, 0.0, 0.0]
    study = rated(lambda r, i, p: 2 + r * 2 + (better[i] if p == 1 else 0), 2, 8, ("bt", "hps"))
    (found,) = win_rates(study.scored, ["bt", "hps"], SETTINGS)
    assert (found.first, found.second) == ("hps", "bt")
    of = found.shares
    assert [of.win.mean, of.lose.mean, of.tie.mean] == [62.5, 12.5, 25.0]
    # 2 · (1 + 6) / 2⁶; the one loss is the smallest difference: 2 of 2⁶ on each side.
    assert found.p_sign == pytest.approx(14 / 64)
    assert found.p_signed_rank == pytest.approx(4 / 64)


def test_all_pairs_in_the_order_of_the_table_and_holm_over_them() -> None:
    study = rated(lambda _r, _i, p: 1.0 + p, 2, 6)
    found = win_rates(study.scored, POLICIES, SETTINGS)
    assert [(of.first, of.second) for of in found] == [
        ("dpo-bt", "sft"),
        ("dpo-pl", "sft"),
        ("dpo-hps", "sft"),
        ("dpo-pl", "dpo-bt"),
        ("dpo-hps", "dpo-bt"),
        ("dpo-hps", "dpo-pl"),
    ]
    assert {of.p_sign for of in found} == {6 * 2 / 64}
    assert {of.shares.win.mean for of in found} == {100.0}


def test_policies_without_ratings_are_left_out() -> None:
    study = rated(lambda _r, _i, p: 1.0 + p, 2, 2, ("sft", "dpo-hps"))
    assert len(win_rates(study.scored, POLICIES, SETTINGS)) == 1
