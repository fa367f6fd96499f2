"""Costs of trajectories and snapshots, by counts of the config and the shapes by hand."""

import pytest

from hps_bench.cost.evaluating import trajectories
from hps_bench.cost.learning import trainings
from hps_bench.cost.workload import Workload
from tests.unit.cost.estimates import changed, estimated, shipped, shipped_estimate

FOLLOWED = {"trajectory": {"experiments": ["judged"], "pairs": 50}}


def test_demo() -> None:
    """20 policies at six points on 32 pairs each, three forward passes' worth for two gradients.

    A pair is computed once and differentiated twice, at two forward passes each; KL takes the
    preferred response under both models.
    """
    estimate = shipped_estimate("demo")
    found = list(trajectories(estimate))
    assert len(found) == 20
    assert {item.prompts for item in found} == {6 * 32}
    assert {item.jobs for item in found} == {1}
    item, shape = found[0], estimate.models["policy"].frozen
    texts = estimate.texts(item.dataset)
    pair = shape.forward_flops(texts.prompt, [texts.human, texts.human])
    single = shape.forward_flops(texts.prompt, [texts.human])
    assert item.flops == pytest.approx(192 * (5 * pair + 2 * single))


def test_no_section_no_cost() -> None:
    assert list(trajectories(shipped_estimate("local-data"))) == []


def test_a_table_asks_for_its_own_trajectories() -> None:
    assert len(Workload(shipped("demo"), "margins-normalised").followed) == 18
    assert Workload(shipped("demo"), "table2").followed == []


def test_snapshots_take_their_place_on_disk() -> None:
    """21 million parameters of rank 8 on all linear layers of Llama-3-8B, in float32."""
    training = {"snapshots": 4, "lora": {"rank": 8, "alpha": 16}}
    without = next(trainings(estimated(changed("paper", training=training | {"snapshots": 0}))))
    some = next(trainings(estimated(changed("paper", training=training))))
    assert some.stored - without.stored == pytest.approx(4 * 4 * 20_971_520, rel=1e-3)


def test_a_real_trajectory_is_small_beside_its_training() -> None:
    """Five minutes of an H100 at most, against hours."""
    suite = changed("paper", **FOLLOWED, training={"snapshots": 4})
    estimate = estimated(suite)
    followed = list(trajectories(estimate))
    assert len(followed) == 18
    trained = {item.method: item.hours for item in trainings(estimate)}
    assert all(item.hours < trained[item.method] / 20 for item in followed)
