"""Theorem 3's simulations: what must hold of their rows, and noise that turns rewards around."""

import numpy as np
import pandas as pd
import pytest

from hps_bench.theory import label_noise, margins
from hps_bench.theory.settings import RewardMargins, TheorySettings, World
from hps_bench.theory.world import Floats


def settings(**of_margins: object) -> TheorySettings:
    grid = {
        "prompts": 40,
        "responses": 4,
        "worlds": {"practice": World(dimension=4, labels="argmax")},
        "bounds": [0.1, 1000],
        "steps": [5, 50],
    }
    return TheorySettings(seeds=2, margins=RewardMargins.model_validate({**grid, **of_margins}))


@pytest.fixture(scope="module")
def paths() -> pd.DataFrame:
    return margins.paths(settings())


def column(frame: pd.DataFrame, method: str, name: str) -> Floats:
    return frame[frame["method"] == method][name].to_numpy(dtype=float)


def test_direct_maximisers_are_at_no_angle_to_themselves(paths: pd.DataFrame) -> None:
    assert (column(paths, margins.MEAN_MARGIN, "angle_mean") < 1e-6).all()
    assert (column(paths, margins.LEAST_MARGIN, "angle_least") < 1e-6).all()
    assert column(paths, margins.MEAN_MARGIN, "mean_margin") == pytest.approx([1, 1])


def test_none_has_a_larger_margin_than_its_direct_maximiser(paths: pd.DataFrame) -> None:
    least = paths[paths["method"] == margins.LEAST_MARGIN].set_index("seed")["least_margin"]
    assert (paths["mean_margin"] <= 1 + 1e-9).all()
    assert (paths["least_margin"] <= paths["seed"].map(least) + 1e-9).all()


def test_bounds_bind_on_separable_lists(paths: pd.DataFrame) -> None:
    bound = paths[paths["kind"] == "bound"]
    assert bound["norm"].to_numpy() == pytest.approx(bound["limit"])
    for limit, angle in ((0.1, "angle_mean"), (1000, "angle_least")):
        assert (column(bound[bound["limit"] == limit], "hardest", angle) < 2).all()


def test_only_hps_has_a_gamma(paths: pd.DataFrame) -> None:
    assert set(paths[paths["gamma"].notna()]["method"]) == {"hps-full-n"}


def test_maximisers_of_a_world() -> None:
    found = margins.maximisers(settings())
    assert (found["separable"] == 1).all()
    assert (found["largest_least"] < found["largest_mean"]).all()
    assert (found["largest_mean"] < found["prompts_own"]).all()


def test_a_reward_that_is_not_linear_has_no_least_margin() -> None:
    curved = World(dimension=4, labels="argmax", reward="quadratic")
    found = margins.tables(settings(worlds={"curved": curved}, prompts=200))
    assert (found["maximisers"]["separable"] == 0).all()
    means = found["margins-means"]
    least = means[means["measure"] == "angle_least"]
    assert least["mean"].isna().all()
    assert (least["seeds"] == 0).all()
    assert means[means["measure"] == "angle_mean"]["mean"].notna().any()


def test_angles_by_hand() -> None:
    east, north = np.array([2.0, 0.0]), np.array([0.0, 0.1])
    assert margins.angle(east, north) == pytest.approx(90)
    assert margins.angle(east, -east) == pytest.approx(180)
    assert margins.angle(east, east + 1e-9 * north) == pytest.approx(np.degrees(5e-11))
    assert np.isnan(margins.angle(east, 0 * north))


def test_noise_turns_hps_around_and_leaves_the_hardest_loss_nothing() -> None:
    """Plackett-Luce labels of ‖θ*‖ = 1: the choice model's likelihoods still find θ*."""
    found = label_noise.estimates(
        settings(noise_norms=[1], noise_responses=[8], noise_prompts=1000)
    )
    assert (found["largest_mean"] < 1e-9).all()
    for method in ("hps-full-n", "runner-up"):
        assert (column(found, method, "cosine") < -0.9).all()
    for method in ("top-1", "pl"):
        assert (column(found, method, "cosine") > 0.9).all()
    assert (column(found, "hardest", "norm") < 1e-3).all()
    assert np.isnan(column(found, "hardest", "cosine")).all()


def test_all_losses_are_one_at_two_responses() -> None:
    found = label_noise.estimates(settings(noise_norms=[2], noise_responses=[2]))
    for _, part in found.groupby("seed"):
        assert part["norm"].to_numpy() == pytest.approx([part["norm"].iloc[0]] * 5, rel=1e-3)
