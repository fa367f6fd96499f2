"""Claims recomputed by hand from the paper's tables, and from fabricated results."""

import statistics
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from hps_bench.paper_comparison.averages import average_improvements
from hps_bench.paper_comparison.checking import CheckedFormula, check_claims, published_numbers
from hps_bench.paper_comparison.claims import CLAIMS
from hps_bench.paper_comparison.formulas import HH, PKU, REWARDS, Figures
from hps_bench.paper_comparison.records import measure
from hps_bench.paper_comparison.titles import TABLES
from hps_bench.paper_comparison.values import compare_figures
from hps_bench.tables.published import published_figures
from hps_bench.workflow import Workflow
from tests.unit.paper_comparison.fabricated import experiment, policies, suite
from tests.unit.tables.fabricated import judged, write_evaluation, write_judgements

PUBLISHED = Figures(
    published_numbers(figure for table in TABLES for figure in published_figures(table))
)


def check(made: Workflow, results: Path) -> dict[tuple[str, str], CheckedFormula]:
    """Checked formulas by claim and description, of those that have no variants."""
    job = made.comparison
    measured = measure(job, results)
    checked = check_claims(compare_figures(job.places, measured), measured, job.statistics)
    return {(one.claim.name, one.formula.description): one for one in checked}


def of(checked: dict[tuple[str, str], CheckedFormula], name: str) -> list[CheckedFormula]:
    return [one for (claim, _), one in checked.items() if claim == name]


@pytest.fixture(scope="module")
def without_results(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[tuple[str, str], CheckedFormula]:
    return check(suite(), tmp_path_factory.mktemp("nothing"))


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        # (2.723 + 0.795) / 0.795 = 3.518 / 0.795 and (2.040 + 1.448) / 1.448 = 3.488 / 1.448
        ("dpo-rm-dpo", [442.5157]),
        ("dpo-rm-rdpo", [240.8840]),
        # 1 - 64.4 / 168.4
        ("training-time", [61.7577]),
        # Mean of 0.232, 0.232, 0.231, 0.231 and 0.231.
        ("bleu-level", [0.2314]),
        # (63.875 + 58.712 + 57.612 + 67.1 + 56.1 + 57.65) / 6 = 361.049 / 6
        ("win-rate-level", [60.1748]),
        # HH-RLHF, BLEU: HPS 0.2314, BT 0.2306, PL 0.2262; Reward: 0.4300, 0.4306, 0.4304.
        # PKU-SafeRLHF: 0.3060, 0.3084, 0.3028; 0.4168, 0.4172, 0.4092.
        ("quality-fine-tuning", [0.0030, -0.0005, 0.0004, 0.0036]),
        # Table 6: BT 0.229 to 0.231, HPS 0.224 to 0.232; Reward 0.430 to 0.432 of both.
        ("quality-with-n", [0.002, 0.008, 0.002, 0.002]),
    ],
)
def test_numbers_of_the_published_tables(
    name: str, numbers: list[float], without_results: dict[tuple[str, str], CheckedFormula]
) -> None:
    found = of(without_results, name)
    assert [one.published for one in found] == pytest.approx(numbers, abs=6e-5)
    assert {one.outcome for one in found} == ({"holds"} if found[0].claim.claimed else {""})


@pytest.mark.parametrize(
    ("name", "counts", "outcomes"),
    [
        # Best margins of Tables 2 and 5: DPO-HPS twice, NCA-HPS twice, SPPO-HPS, EXO-HPS, DPO-HPS
        # twice.
        ("first-in-margins", [8], ["holds"]),
        # BLEU and Reward: of HPS alone 0.435, 0.275, 0.310; level 0.232, 0.432, 0.449, 0.409; and
        # EXO-BT has 0.324.
        ("first-in-quality", [3, 7], ["", ""]),
        # But EXO-PL has -5.455, EXO-HPS -5.495 on PKU-SafeRLHF.
        ("margins-fine-tuning", [19], [""]),
        # But NCA-BT has -4.673 and -5.557, NCA-HPS -5.378 and -5.562 on HH-RLHF.
        ("margins-transfer", [18], ["does not hold"]),
        ("negative-margins", [6], ["holds"]),
        ("positive-margins", [2], ["holds"]),
        ("user-study", [3], ["holds"]),
        ("win-rates", [6], ["holds"]),
        # HPS 0.430 against 0.425, 0.431, 0.430, and 0.407 against 0.406, 0.417, 0.412.
        ("win-rates-and-rewards", [2, 3], ["does not hold", "does not hold"]),
        ("transfer-above-fine-tuning", [1], ["holds"]),
        # DPO-BT falls from -0.490 to -0.507 at n = 50.
        ("rm-rdpo-with-n", [3, 2], ["holds", "does not hold"]),
        ("rm-dpo-with-n", [3], ["holds"]),
        ("gain-from-n", [2], ["holds"]),
        # At BT's KL of 8.463, between 6.972 and 11.767, HPS has 0.064; BT has -0.455.
        ("beta", [5, 5], ["holds", "holds"]),
    ],
)
def test_comparisons_of_the_published_tables(
    name: str,
    counts: list[int],
    outcomes: list[str],
    without_results: dict[tuple[str, str], CheckedFormula],
) -> None:
    found = of(without_results, name)
    assert [one.published for one in found] == counts
    assert [one.outcome for one in found] == outcomes


def test_rounding_may_move_a_number_so_far(
    without_results: dict[tuple[str, str], CheckedFormula],
) -> None:
    [one] = of(without_results, "dpo-rm-dpo")
    # d/dHPS = 100 / 0.795; (2.723 + x) / x at x = 0.7945 less that at 0.795.
    by_hps = 100 * 0.0005 / 0.795
    by_pl = 100 * (2.723 / 0.7945 - 2.723 / 0.795)
    assert one.rounding == pytest.approx(by_hps + by_pl, rel=1e-3)


def by_hand(place: tuple[str, str], rewards: Sequence[str]) -> list[float]:
    """The averages of ``average_improvements``, by the standard library."""
    numbers: dict[str, list[float]] = {}
    margin_sets = (("rm_dpo",), ("rm_rdpo",), ("rm_dpo", "rm_rdpo"))
    for margins, methods in product(margin_sets, (("bt",), ("pl",), ("bt", "pl"))):
        pairs = [
            tuple(float(PUBLISHED.of(m, f"{reward}-{by}", *place)) for by in ("hps", method))
            for m, reward, method in product(margins, rewards, methods)
        ]
        ours, base = (statistics.fmean(side) for side in zip(*pairs, strict=True))
        by_base = [100 * (h - b) / abs(b) for h, b in pairs]
        averages = {
            "mean": statistics.fmean(by_base),
            "median": statistics.median(by_base),
            "of means": 100 * (ours - base) / abs(base),
            "mean share": statistics.fmean(100 * (h - b) / abs(h) for h, b in pairs),
            "share of means": 100 * (ours - base) / abs(ours),
        }
        for name, number in averages.items():
            numbers.setdefault(name, []).append(number)
    return [number for of_name in numbers.values() for number in of_name]


def averages(place: tuple[str, str], rewards: Sequence[str] = REWARDS) -> list[float]:
    return [float(one.function(PUBLISHED)) for one in average_improvements(*place, rewards)]


@pytest.mark.parametrize("place", [(HH, HH), (PKU, HH)])
def test_averages_are_those_of_the_standard_library(place: tuple[str, str]) -> None:
    assert averages(place) == pytest.approx(by_hand(place, REWARDS))
    assert averages(place, ("dpo", "ipo")) == pytest.approx(by_hand(place, ("dpo", "ipo")))


def test_no_average_over_the_five_rewards_gives_89_or_83() -> None:
    found = {claim.name: claim for claim in CLAIMS}
    for name, place in (
        ("average-margin-fine-tuning", (HH, HH)),
        ("average-margin-transfer", (PKU, HH)),
    ):
        claimed = float(found[name].claimed)
        assert len(found[name].formulas) == 45
        assert min(abs(number - claimed) for number in averages(place)) > 1.5


def test_averages_that_are_named_in_the_documentation() -> None:
    one = {(of.description, of.variant): of for of in average_improvements(HH, HH)}
    of_means = one["(mean HPS − mean base) / |mean base|, RM_DPO", "BT"].function(PUBLISHED)
    # Means of five: HPS 1.690 / 5 = 0.338, BT -1.897 / 5 = -0.3794.
    assert float(of_means) == pytest.approx(100 * (1.690 + 1.897) / 1.897)
    ratio = 100 * 0.338 / 0.3794
    assert ratio == pytest.approx(89.09, abs=0.005)


def test_subsets_of_rewards_give_89_or_83_now_and_then_but_never_both() -> None:
    hits = []
    for size in range(1, 6):
        for rewards in combinations(REWARDS, size):
            fine_tuning, transfer = (averages(of, rewards) for of in ((HH, HH), (PKU, HH)))
            hits += [
                (abs(first - 89) <= 0.5, abs(second - 83) <= 0.5)
                for first, second in zip(fine_tuning, transfer, strict=True)
            ]
    assert len(hits) == 31 * 45
    assert np.sum(hits, axis=0).tolist() == [7, 9]
    assert (True, True) not in hits


def test_claims_have_names_of_their_own() -> None:
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)


def write_means(results: Path, made: Workflow, **means: float) -> None:
    for policy, mean in means.items():
        for cell in policies(made, policy.replace("_", "-")):
            write_evaluation(results, cell.evaluation_path, rm_dpo=mean, reward_best=mean)


def test_claim_agrees_where_ours_reaches_the_number(tmp_path: Path) -> None:
    made = suite(**experiment())
    # (3.4251 + 1) / 1 = 442.51 %
    write_means(tmp_path, made, dpo_hps=3.4251, dpo_pl=-1.0)
    [one] = of(check(made, tmp_path), "dpo-rm-dpo")
    assert one.ours is not None
    assert (one.ours.mean, one.ours.low, one.ours.high) == pytest.approx((442.51,) * 3)
    assert one.verdict == "agrees"


def test_claim_differs_where_it_does_not(tmp_path: Path) -> None:
    made = suite(**experiment())
    write_means(tmp_path, made, dpo_hps=3.0, dpo_pl=-1.0)
    [one] = of(check(made, tmp_path), "dpo-rm-dpo")
    assert one.ours is not None
    assert one.ours.mean == pytest.approx(400.0)
    assert one.verdict == "differs"


def test_claim_lacks_cells_where_one_of_its_figures_does(tmp_path: Path) -> None:
    made = suite(**experiment())
    write_means(tmp_path, made, dpo_hps=3.0)
    [one] = of(check(made, tmp_path), "dpo-rm-dpo")
    assert (one.ours, one.verdict, one.reason) == (None, "missing", "no result yet")
    other = suite(plan__epochs=1, **experiment())
    [one] = of(check(other, tmp_path), "dpo-rm-dpo")
    assert (one.verdict, one.reason) == ("not comparable", "1 epoch, the paper's 2")


def test_claim_on_another_config_has_a_number_and_no_verdict(tmp_path: Path) -> None:
    made = suite(plan__epochs=1, **experiment())
    write_means(tmp_path, made, dpo_hps=3.0, dpo_pl=-1.0)
    [one] = of(check(made, tmp_path), "dpo-rm-dpo")
    assert one.ours is not None
    assert one.ours.mean == pytest.approx(400.0)
    assert (one.verdict, one.reason) == ("not comparable", "1 epoch, the paper's 2")


SIZES = experiment(methods=["bt", "hps"], responses=[5, 20, 50, 100])


@pytest.mark.parametrize(("slope", "verdict"), [(1.0, "agrees"), (-1.0, "differs")])
def test_comparisons_hold_where_they_do_in_all_but_few_resamples(
    tmp_path: Path, slope: float, verdict: str
) -> None:
    made = suite(**SIZES)
    for cell in made.grid:
        write_evaluation(tmp_path, cell.evaluation_path, rm_dpo=slope * cell.responses + cell.seed)
    [one] = of(check(made, tmp_path), "rm-dpo-with-n")
    assert one.ours is not None
    steps = 3.0 if slope > 0 else 0.0
    assert (one.ours.mean, one.ours.low, one.ours.high) == (steps, steps, steps)
    assert one.verdict == verdict


@pytest.mark.parametrize("seed", range(5))
def test_comparisons_without_an_effect_never_agree(tmp_path: Path, seed: int) -> None:
    made, rng = suite(**SIZES), np.random.default_rng(seed)
    for cell in made.grid:
        values = {name: rng.normal(size=10).tolist() for name in ("rm_dpo", "rm_rdpo")}
        write_evaluation(tmp_path, cell.evaluation_path, "abcdefghij", **values)
    checked = check(made, tmp_path)
    counts = [*of(checked, "rm-dpo-with-n"), *of(checked, "rm-rdpo-with-n")]
    counts += of(checked, "gain-from-n")
    assert "agrees" not in {one.verdict for one in counts}
    for one in counts:
        assert one.ours is not None
        assert {one.ours.mean, one.ours.low, one.ours.high} <= {0.0, 1.0, 2.0, 3.0}


@pytest.mark.parametrize("seed", range(5))
def test_weak_effects_are_not_said_to_be_absent(tmp_path: Path, seed: int) -> None:
    """Resampling takes from a count: its interval often ends below what is true of all."""
    made, rng = suite(**SIZES), np.random.default_rng(seed)
    for cell in made.grid:
        step = (5, 20, 50, 100).index(cell.responses)
        values = rng.normal(0.15 * step, 1.0, size=30).tolist()
        write_evaluation(tmp_path, cell.evaluation_path, map(str, range(30)), rm_dpo=values)
    [one] = of(check(made, tmp_path), "rm-dpo-with-n")
    assert one.verdict in ("agrees", "undecided")


def test_claim_without_a_number_has_no_verdict(tmp_path: Path) -> None:
    made = suite(**experiment(methods=["bt", "hps"], responses=[5, 20, 50, 100]))
    for cell in made.grid:
        write_evaluation(tmp_path, cell.evaluation_path, reward_best=cell.responses / 100)
    checked = check(made, tmp_path)
    one = checked["quality-with-n", "Reward of DPO-HPS: largest less smallest"]
    assert one.ours is not None
    assert one.ours.mean == pytest.approx(0.95)
    assert (one.verdict, one.outcome) == ("", "")


def test_win_rates_are_averaged_over_both_sets(tmp_path: Path) -> None:
    made = suite(**{**experiment(datasets=[HH, PKU], seeds=[0, 1]), "tables": {"table4": ["only"]}})
    for dataset, scores in ((HH, [3.0, 3.0, 3.0, 3.0]), (PKU, [3.0, 3.0, 1.0, 1.0])):
        labels = {cell.policy_path: cell for cell in made.grid if cell.trained_on == dataset}
        of_policy = {
            label: scores if cell.method == "hps" else [2.0] * 4 for label, cell in labels.items()
        }
        write_judgements(tmp_path, dataset, judged({"sft": [2.0] * 4, **of_policy}))
    checked = check(made, tmp_path)
    [level] = of(checked, "win-rate-level")
    assert level.ours is not None
    # All wins on one set, half on the other.
    assert level.ours.mean == pytest.approx(75.0)
    [wins] = of(checked, "win-rates")
    assert wins.ours is not None
    assert wins.ours.mean == 3.0


def test_what_the_documentation_says_beside_the_claims() -> None:
    every = [f"{reward}-{method}" for reward, method in product(REWARDS, ("pl", "bt", "hps"))]
    above = [
        PUBLISHED.of("rm_dpo", policy, PKU, HH) > PUBLISHED.of("rm_dpo", policy, PKU)
        for policy in every
    ]
    assert (sum(map(bool, above)), len(above)) == (15, 15)
    of_hps = [f"{reward}-hps" for reward in REWARDS]
    for dataset, positive in ((HH, 4), (PKU, 0)):
        margins = [PUBLISHED.of(m, p, dataset) for m, p in product(("rm_dpo", "rm_rdpo"), of_hps)]
        assert (sum(margin > 0 for margin in margins), len(margins)) == (positive, 10)
    # What three of the averages give on HH-RLHF, where 89 is claimed.
    one = {(of.description, of.variant): of for of in average_improvements(HH, HH)}
    for description, variant, number in (
        ("(mean HPS − mean base) / |mean base|, RM_R-DPO", "BT", 82.64),
        ("median of (HPS − base) / |base|, RM_R-DPO", "BT and PL", 82.72),
        ("median of (HPS − base) / |base|, RM_R-DPO", "PL", 83.03),
    ):
        found = float(one[description, variant].function(PUBLISHED))
        assert found == pytest.approx(number, abs=0.005)
