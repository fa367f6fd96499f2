from hps_bench.statistics import VarianceComponents, half_width, seeds_to_detect, seeds_to_narrow
from hps_bench.tables.layout import LAYOUTS
from hps_bench.tables.metrics import REWARD, RM_DPO, Metric
from hps_bench.tables.opponents import Place
from hps_bench.tables.seeds_needed import seeds_notes
from hps_bench.tables.table import Group, RowKey
from tests.unit.tables.fabricated import HH, PKU

LAYOUT = LAYOUTS["comparisons"]


def place(metric: Metric, opponent: str = "bt", dataset: str = HH) -> Place:
    return RowKey("dpo", "hps", 100, 0.1, opponent, metric), Group(dataset, dataset)


def components(mean: float, seed: float, prompt: float = 0.0) -> VarianceComponents:
    return VarianceComponents(mean, seed, prompt, residual=0.0, seeds=3, prompts=40)


def test_without_a_second_seed_nothing_is_known() -> None:
    (note,) = seeds_notes(LAYOUT, {}, 0.95)
    assert note == "How differences vary between seeds takes two of them to say."


def test_seeds_by_metric_with_the_smallest_difference() -> None:
    found = {
        place(RM_DPO): components(-0.5, seed=1.0),
        place(RM_DPO, dataset=PKU): components(2.0, seed=1.0),
        place(REWARD, "sft"): components(0.1234567, seed=0.0, prompt=1.0),
    }
    halving, detecting = seeds_notes(LAYOUT, found, 0.95)
    # t(.975, 2)/√3/2 = 1.242 = t(.975, 4)/√5; where prompts alone vary, seeds do not help.
    assert "prompts: Reward no number (0 of 1); RM_DPO 5 (2 of 2). In" in halving
    assert "Rough: 3 seeds say little about their own spread." in halving
    needed = seeds_to_detect(components(-0.5, seed=1.0), 0.5)
    assert f"; RM_DPO {needed} (0.5: DPO-HPS vs. DPO-BT, HH-RLHF)." in detecting
    assert "Reward more than 1000 (0.12: DPO-HPS vs. SFT model, HH-RLHF)" in detecting
    assert "80 % power" in detecting


def test_range_of_seeds_over_the_comparisons_that_they_narrow() -> None:
    found = {
        place(RM_DPO): components(1.0, seed=1.0),
        place(RM_DPO, "pl"): components(1.0, seed=1.0, prompt=4.0),
        place(RM_DPO, dataset=PKU): components(1.0, seed=0.0, prompt=1.0),
    }
    second = found[place(RM_DPO, "pl")]
    needed = seeds_to_narrow(second, float(half_width(second, 3)) / 2)
    assert needed is not None
    assert needed > 5
    assert f"RM_DPO 5–{needed} (2 of 3)." in next(iter(seeds_notes(LAYOUT, found, 0.95)))
