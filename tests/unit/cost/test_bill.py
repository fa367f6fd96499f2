"""Bills of the shipped configs, by hand where that is possible, and what must hold of all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hps_bench.cost.bill import Bill, bill_of
from hps_bench.cost.items import Item, wall_hours
from hps_bench.workflow import Workflow
from tests.unit.cost.estimates import (
    NO_START,
    SHIPPED,
    changed,
    estimated,
    shipped,
    shipped_estimate,
)

HH = "hh-rlhf"


def bill(suite: Workflow, *assume: str, device: str = "h100", target: str = "all") -> Bill:
    return bill_of(estimated(suite, device, assume or NO_START, target), 4, 3.0)


def stage_of(found: Bill, name: str) -> Item:
    (line,) = [line for line in found.stages if line.item.stage == name]
    return line.item


@pytest.fixture(scope="module", params=SHIPPED)
def any_bill(request: pytest.FixtureRequest) -> Bill:
    """The bill of each shipped config."""
    return bill_of(shipped_estimate(request.param), 4, 3.0)


def test_sums_are_those_of_the_parts(any_bill: Bill) -> None:
    total = any_bill.total.item
    assert total.device_hours == pytest.approx(sum(i.device_hours for i in any_bill.parts()))
    assert total.stored == pytest.approx(sum(line.item.stored for line in any_bill.stages))
    assert any_bill.usd == pytest.approx(3 * any_bill.device_hours)
    assert total.jobs == sum(line.item.jobs for line in any_bill.stages) > 50


def test_methods_add_up_to_their_stage(any_bill: Bill) -> None:
    for stage in ("plan", "train"):
        parts = [line.item for line in any_bill.methods(stage)]
        whole = stage_of(any_bill, stage)
        assert sum(part.jobs for part in parts) == whole.jobs
        assert sum(part.flops for part in parts) == whole.flops


def test_nothing_is_negative_or_endless(any_bill: Bill) -> None:
    for item in any_bill.parts():
        amounts = (item.jobs, item.prompts, item.tokens, item.flops, item.device_hours, item.stored)
        assert all(0 <= amount < 1e25 for amount in amounts), item
    assert 0 < any_bill.wall_hours < float("inf")


@pytest.mark.parametrize("config", SHIPPED)
def test_jobs_of_the_stages_are_all_jobs(config: str) -> None:
    estimate = shipped_estimate(config)
    assert bill_of(estimate, 1, 0).total.item.jobs == sum(estimate.workload.jobs.values())


def test_one_policy_by_hand() -> None:
    """Pairs of 2 · 300 tokens behind 190, twice over 1,000 prompts; all by hand.

    Inputs 190 + 2 · 299 = 788, predicted 600. Body 6,979,321,856, head 525,336,576, adapters on
    all layers 20,971,520. Attention: 32 layers · 4096; inputs attend to 190 · 191 / 2 +
    2 · (190 · 299 + 299 · 300 / 2) = 221,465 tokens.
    """
    own = bill(small("bt"), "hh-rlhf.train_prompts=1000", *NO_START)
    body = (4 * 6_979_321_856 + 6 * 20_971_520) * 788
    head = 4 * 525_336_576 * 600
    attention = 12 * 32 * 4096 * 221_465
    item = stage_of(own, "train")
    assert item.flops == item.model_flops == 2 * 1000 * (body + head + attention)
    assert item.tokens == 2 * 1000 * 2 * 490
    assert item.hours == pytest.approx(item.flops / (989e12 * 0.45) / 3600)
    steps = -(-2000 // 64)
    assert item.stored == pytest.approx(5 * 20_971_520 * 4 + 128_256 * 130 + steps * 350, rel=1e-4)


def small(*methods: str, **sections: Any) -> Workflow:
    """The paper's config with few cells."""
    cells = {"rewards": ["dpo"], "methods": list(methods), "datasets": [HH], "responses": [100]}
    empty: dict[str, Any] = {"tables": {}, "figures": {}, "judge": None}
    empty |= dict.fromkeys(("trajectory", "study", "theory"))
    experiments = {"experiments": {"only": cells}, **empty}
    return changed("paper", **{**experiments, **sections})


def test_sampling_and_scoring_by_hand() -> None:
    """1,000 prompts · 100 samples · 300 tokens at 15,000 a second: 2,000 s. Test: 100 · 20."""
    own = bill(small("bt"), "train_prompts=1000", "test_prompts=100", *NO_START)
    assert [item.hours * 3600 for item in own.items if item.stage == "responses"] == pytest.approx(
        [2000, 100 * 20 * 300 / 15_000]
    )
    (train, _) = [item for item in own.items if item.stage == "rewards"]
    inputs = 190 + 100 * 299
    seen = 190 * 191 // 2 + 100 * (190 * 299 + 299 * 300 // 2)
    assert train.flops == 1000 * (2 * 6_979_321_856 * inputs + 4 * 32 * 4096 * seen)


def test_reference_covers_the_union_of_plans_once() -> None:
    """BT names 2 of 100 whatever its seeds; each plan keeps its own copy."""
    one, three = (bill(with_seeds(n), *NO_START) for n in (1, 3))
    train = [item for own in (one, three) for item in own.items if item.stage == "reference"][::2]
    assert train[0].flops == train[1].flops > 0
    assert (train[0].jobs, train[1].jobs) == (1, 3)
    assert train[1].stored == pytest.approx(2 * train[0].stored)


def with_seeds(number: int) -> Workflow:
    cells = {"rewards": ["dpo"], "methods": ["bt"], "datasets": [HH], "responses": [100]}
    return small("bt", experiments={"only": {**cells, "seeds": list(range(number))}})


def test_mismatched_pairs_of_kto_are_referenced_and_computed() -> None:
    cells = {"methods": ["bt"], "datasets": [HH], "responses": [100]}
    dpo, kto = (
        bill(small("bt", experiments={"only": {**cells, "rewards": [reward]}}))
        for reward in ("dpo", "kto")
    )
    for stage in ("reference", "train"):
        assert stage_of(kto, stage).flops > stage_of(dpo, stage).flops
    assert stage_of(kto, "train").model_flops == stage_of(dpo, "train").model_flops


def test_transformers_reads_prompts_anew_and_samples_slowly() -> None:
    shared = bill(small("bt"))
    alone = bill(small("bt", rewards={"backend": "transformers"}))
    ratio = stage_of(alone, "rewards").flops / stage_of(shared, "rewards").flops
    assert ratio == pytest.approx(490 / 302, rel=0.02)
    responses = shipped("paper").config.responses.model_dump()
    slow = bill(small("bt", responses={**responses, "backend": "transformers"}))
    by_vllm = stage_of(shared, "responses").hours
    assert stage_of(slow, "responses").hours == pytest.approx(10 * by_vllm)


def test_all_weights_take_more_flops_and_disk_than_adapters() -> None:
    policy = {**shipped("paper").config.models.model_dump()}
    policy["policy"]["dtype"] = "float32"
    whole = bill(small("bt", models=policy, training={"lora": None}))
    adapters = bill(small("bt"))
    ratio = stage_of(whole, "train").model_flops / stage_of(adapters, "train").model_flops
    assert ratio == pytest.approx(1.5, rel=0.01)
    assert stage_of(whole, "train").stored == pytest.approx(4 * 8.03e9, rel=0.01)


def test_judge_of_the_toy_world_and_behind_an_api_take_no_device() -> None:
    toy = bill_of(shipped_estimate("demo", "cpu"), 1, 0)
    assert stage_of(toy, "judge").device_hours == 0
    judge = {"backend": "url", "url": {"base_url": "http://host/v1", "model": "m"}}
    found = stage_of(bill(changed("paper", judge=judge)), "judge")
    assert found.device_hours == 0
    assert found.tokens > 0


def test_judged_pairs_cost_more_than_single_replies() -> None:
    judge = shipped("paper").config.model_dump()["judge"]
    single, pairs = (
        stage_of(bill(changed("paper", judge={**judge, "pairwise": pairwise})), "judge")
        for pairwise in (False, True)
    )
    assert pairs.hours > 2 * single.hours
    assert (single.gpus, single.jobs) == (4, 2)


def test_judge_that_is_trained_here_has_its_sizes() -> None:
    estimate = shipped_estimate("vllm-cpu", "cpu")
    assert estimate.models["judge"] == estimate.models["generator"]


def test_wall_time_of_even_jobs_and_of_a_long_one() -> None:
    even = [Item("train", jobs=1, hours=1, longest=1) for _ in range(8)]
    assert [wall_hours(even, devices) for devices in (1, 4, 100)] == [8, 2, 1]
    long = [*even, Item("train", jobs=1, hours=5, longest=5)]
    assert wall_hours(long, 8) == 5


def test_serial_jobs_and_jobs_on_several_devices() -> None:
    serial = [Item("reference", jobs=2, hours=3, serial=True) for _ in range(2)]
    assert wall_hours(serial, 8) == 6
    judge = [Item("judge", jobs=1, hours=8, gpus=4, longest=2) for _ in range(2)]
    assert [wall_hours(judge, devices) for devices in (1, 4, 8)] == [4, 4, 2]
    assert wall_hours([], 4) == 0


def test_start_of_jobs_is_counted() -> None:
    """64 jobs for each of two splits that start an engine in 120 s: 32 parts each."""
    without, own = bill(small("bt")), bill(small("bt"), "start_seconds=60", "engine_seconds=120")
    more = stage_of(own, "responses").device_hours - stage_of(without, "responses").device_hours
    assert more == pytest.approx(64 * 120 / 3600)


def test_more_devices_take_no_longer(any_bill: Bill) -> None:
    walls = [Bill(any_bill.items, devices, 1, 1).wall_hours for devices in (1, 2, 4, 8, 64, 10_000)]
    assert walls == sorted(walls, reverse=True)
    assert walls[-1] > 0


@settings(max_examples=20)
@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**4))
def test_more_prompts_cost_more(some: int, others: int, test: int) -> None:
    suite = small("bt", "pl")
    assert_grows(
        bill(suite, f"train_prompts={train}", f"test_prompts={test}")
        for train in sorted((some, others))
    )


@settings(max_examples=20)
@given(st.integers(2, 100), st.integers(2, 100), st.sampled_from(["bt", "pl", "hps", "hps-full"]))
def test_more_responses_cost_no_less(some: int, others: int, method: str) -> None:
    """Sampled are as many in any case; plans and references grow."""
    cells = {"rewards": ["dpo"], "methods": [method], "datasets": [HH]}
    assert_grows(
        bill(small(method, experiments={"only": {**cells, "responses": [n]}}))
        for n in sorted((some, others))
    )


def assert_grows(bills: Iterable[Bill]) -> None:
    less, more = bills
    assert less.device_hours <= more.device_hours * (1 + 1e-9)
    assert less.total.item.flops <= more.total.item.flops
    assert less.total.item.stored <= more.total.item.stored * (1 + 1e-9)
