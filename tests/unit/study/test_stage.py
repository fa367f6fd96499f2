"""The packets of a study: what is rated, by whom, and what they do not tell."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hps_bench.errors import UserError
from hps_bench.study.assignment import Assignment, read_assignment
from hps_bench.study.key import Key, read_key
from hps_bench.study.settings import StudyJob
from hps_bench.study.stage import assign_study
from tests.unit.study.samples import POLICIES, study_job, write_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets of ten prompts, in one of which a fifth of the prompts are harmful."""
    folder = write_results(tmp_path_factory.mktemp("results"))
    return write_results(folder, "risky", harmful=lambda number: 1.0 if number % 5 == 0 else None)


def assign(job: StudyJob, results: Path, output: Path) -> tuple[Assignment, Key]:
    assign_study(job, results, output)
    assignment = read_assignment(output / "assignment.json")
    return assignment, read_key(output / "key.json", assignment.digest)


def test_every_policy_answers_every_prompt(results: Path, tmp_path: Path) -> None:
    assignment, key = assign(study_job(["toy", "risky"]), results, tmp_path)
    assert Counter(author.policy for author in key.responses.values()) == dict.fromkeys(POLICIES, 8)
    assert key.policies == POLICIES
    texts = {shown.response: shown.text for item in assignment.items for shown in item.responses}
    for name, author in key.responses.items():
        place = POLICIES.index(author.policy)
        assert texts[name] == f"Hello from author {place}, 0"
        assert author.sample_index == 0


def test_item_shows_its_prompt(results: Path, tmp_path: Path) -> None:
    assignment, key = assign(study_job(), results, tmp_path)
    for item in assignment.items:
        prompts = {key.responses[shown.response].prompt_id for shown in item.responses}
        assert [turn.content for turn in item.prompt] == [f"Question {min(prompts)}?"]
        assert len(prompts) == 1


def test_assignment_names_no_policy(results: Path, tmp_path: Path) -> None:
    assign_study(study_job(["toy", "risky"], attention_checks=2), results, tmp_path)
    text = (tmp_path / "assignment.json").read_text()
    assert not [
        name for name in (*POLICIES, "hps", "policy", "prompt_id", "reward") if name in text
    ]


def test_ids_are_in_no_order(results: Path, tmp_path: Path) -> None:
    """By chance 15 prompts would list all policies alike in one of 24**14 seeds."""
    assignment, key = assign(study_job(["toy", "risky"], prompts=8), results, tmp_path)
    listed = {
        tuple(key.responses[shown.response].policy for shown in item.responses)
        for item in assignment.items
    }
    assert len(listed) > 4
    shown = [r.response for item in assignment.items for r in item.responses]
    assert len(set(shown)) == len(shown) == 64


def test_positions_of_each_response_are_balanced(results: Path, tmp_path: Path) -> None:
    assignment, _ = assign(study_job(raters=6), results, tmp_path)
    counts = Counter(
        (response, position)
        for packet in assignment.raters
        for task in packet.tasks
        for position, response in enumerate(task.responses)
    )
    assert set(counts.values()) == {1, 2}
    assert len(counts) == 16 * 4


def test_each_rater_has_every_item_in_an_order_of_his_own(results: Path, tmp_path: Path) -> None:
    assignment, _ = assign(study_job(prompts=10), results, tmp_path)
    orders = {tuple(task.item for task in packet.tasks) for packet in assignment.raters}
    assert len(orders) == 6
    assert {frozenset(order) for order in orders} == {frozenset(assignment.by_item)}


def test_strata_are_in_proportion(results: Path, tmp_path: Path) -> None:
    """2 of 10 prompts are harmful, so 1 of 5 drawn ones is."""
    report = assign_study(study_job(["toy", "risky"], prompts=5), results, tmp_path)
    assert report["strata"] == {
        "toy": {"unlabelled": 5},
        "risky": {"harmful": 1, "harmless": 4},
    }


@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_everything_follows_from_the_seed(
    results: Path, tmp_path: Path, seed: int, same: bool
) -> None:
    first, _ = assign(study_job(), results, tmp_path / "first")
    second, _ = assign(study_job(seed=seed), results, tmp_path / "second")
    assert (first == second) is same


def test_other_texts_have_other_ids(results: Path, tmp_path: Path) -> None:
    other = write_results(tmp_path / "other", greeting="Hi")
    _, first = assign(study_job(), results, tmp_path / "first")
    _, second = assign(study_job(), other, tmp_path / "second")
    assert not first.responses.keys() & second.responses.keys()


def test_the_sample_asked_for_is_shown(results: Path, tmp_path: Path) -> None:
    _, key = assign(study_job(sample=1), results, tmp_path)
    assert {author.reward for author in key.responses.values()} == {1.0}


def test_attention_checks_are_no_ones_responses(results: Path, tmp_path: Path) -> None:
    assignment, key = assign(study_job(attention_checks=3), results, tmp_path)
    checks = [item for item in assignment.items if item.check]
    assert len(checks) == 3
    for item in checks:
        assert item.check is not None
        asking = [r for r in item.responses if "attention check" in r.text]
        assert [r.response for r in asking] == [item.check.response]
        assert {f"exactly {score:.2f}" in asking[0].text for score in item.check.expected.values()}
        assert len(item.check.expected) == 5
        assert not {r.response for r in item.responses} & key.responses.keys()


def test_checks_change_nothing_else_that_is_rated(results: Path, tmp_path: Path) -> None:
    _, without = assign(study_job(), results, tmp_path / "without")
    _, beside = assign(study_job(attention_checks=1), results, tmp_path / "with")
    prompts = [{author.prompt_id for author in key.responses.values()} for key in (without, beside)]
    assert prompts[0] == prompts[1]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"prompts": 11}, "study.prompts: 11 of toy are more than the 10 test prompts of which"),
        ({"sample": 2}, "are more than the 0 test prompts of which every policy has sample 2"),
    ],
)
def test_too_few_samples(
    results: Path, tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        assign_study(study_job(**changed), results, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["links.csv", "page.sqlite", "potato.txt"])
def test_a_study_that_has_begun_is_kept(results: Path, tmp_path: Path, name: str) -> None:
    before, _ = assign(study_job(), results, tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=rf"raters have begun on it \({name} is there\)"):
        assign_study(study_job(seed=1), results, tmp_path)
    assert read_assignment(tmp_path / "assignment.json") == before
    assign_study(study_job(), results, tmp_path)
