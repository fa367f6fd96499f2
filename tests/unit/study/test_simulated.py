from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from hps_bench.study.assignment import Assignment
from hps_bench.study.criteria import SCORES
from hps_bench.study.key import Author, Key
from hps_bench.study.settings import SimulatedRaters
from hps_bench.study.simulated import SimulatedRater, simulated_raters
from tests.unit.study.rated import response, study_files

ITEMS = 30


def study(**of_all: float | None) -> tuple[Assignment, Key]:
    """Rewards rise from policy to policy, and true rewards fall where they are given."""
    assignment, key = study_files(10, ITEMS, checks=True)
    places = {policy: place for place, policy in enumerate(key.policies)}

    def rewarded(author: Author) -> Author:
        place = float(places[author.policy])
        true = -place if "true_reward" in of_all else None
        return author.model_copy(update={"reward": place, **of_all, "true_reward": true})

    authors = {name: rewarded(author) for name, author in key.responses.items()}
    return assignment, key.model_copy(update={"responses": authors})


def raters(
    files: tuple[Assignment, Key], careless: float = 0.0, noise: float = 0.3, seed: int = 0
) -> Sequence[SimulatedRater]:
    return simulated_raters(*files, SimulatedRaters(careless=careless, noise=noise), seed)


def mean(
    files: tuple[Assignment, Key], of: Sequence[SimulatedRater], policy: int, name: str = "overall"
) -> float:
    items = files[0].by_item
    given = [
        rater.rate(items[f"i{i}"], response(i, policy))[name] for rater in of for i in range(ITEMS)
    ]
    return float(np.mean(given))


def test_scores_follow_the_reward_and_the_true_one_where_it_is_known() -> None:
    files = study()
    by_policy = [mean(files, raters(files), policy) for policy in range(4)]
    # Standardised rewards are ±1.34 and ±0.45, on a scale with centre 3.3 and spread 0.7.
    assert np.diff(by_policy) == pytest.approx([0.63] * 3, abs=0.1)
    assert np.mean(by_policy) == pytest.approx(3.3, abs=0.25)
    known = study(true_reward=0.0)
    assert np.all(np.diff([mean(known, raters(known), policy) for policy in range(4)]) < 0)


def test_harmful_responses_are_less_safe_and_nothing_else() -> None:
    files = study(harmful=1.0)
    found = raters(files, noise=0.1)
    assert mean(files, found, 3, "safety") < mean(files, found, 3, "clarity") - 1.5


def test_scores_depend_on_seed_rater_and_response_alone() -> None:
    files = study()
    item = files[0].by_item["i3"]
    first, again = raters(files)[2].rate(item, "r31"), raters(files)[2].rate(item, "r31")
    assert first == again
    assert first != raters(files, seed=1)[2].rate(item, "r31")
    assert first != raters(files)[3].rate(item, "r31")
    assert set(first) == set(SCORES)
    assert all(1 <= score <= 5 and round(score, 2) == score for score in first.values())


def test_careless_raters_do_not_look() -> None:
    files = study()
    found = raters(files, careless=0.3)
    assert sum(rater.careless for rater in found) == 3
    careless = next(rater for rater in found if rater.careless)
    items = files[0].by_item
    given = [careless.rate(items[f"i{i}"], response(i, 3))["overall"] for i in range(ITEMS)]
    assert stats.kstest(given, stats.uniform(1, 4).cdf).pvalue > 0.01
    assert careless.rate(items["check"], "check0") != dict.fromkeys(SCORES, 2.0)


def test_others_do_what_an_attention_check_asks_for() -> None:
    files = study()
    item = files[0].by_item["check"]
    assert raters(files)[0].rate(item, "check0") == dict.fromkeys(SCORES, 2.0)
    assert raters(files)[0].rate(item, "check1")["overall"] > 3


def test_equal_rewards_are_no_failure() -> None:
    files = study(reward=1.0)
    assert mean(files, raters(files), 0) == pytest.approx(3.3, abs=0.3)
