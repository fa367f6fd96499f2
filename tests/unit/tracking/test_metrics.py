import pytest

from hps_bench.tracking.files import Entry
from hps_bench.tracking.metrics import axes, named


@pytest.mark.parametrize(
    ("stage", "name", "expected"),
    [
        ("train", "loss", "train/loss"),
        ("train", "rewards/margins", "train/rewards/margins"),
        ("train", "train/loss", "train/loss"),
        ("evaluate", "rm_dpo", "eval/rm_dpo"),
        ("", "loss", "loss"),
    ],
)
def test_metrics_stand_in_the_folder_of_their_stage(stage: str, name: str, expected: str) -> None:
    entry = Entry(step=3, time=5, metrics={name: 0.5})
    assert named([entry], stage) == [Entry(step=3, time=5, metrics={expected: 0.5})]


def test_numeric_axes_are_metrics() -> None:
    params = {"responses": "100", "beta": "0.25", "method": "hps", "seed": "x"}
    found = {"axis/responses": 100.0, "axis/beta": 0.25}
    assert axes(params, 7) == Entry(step=0, time=7, metrics=found)
