"""The estimator ``hps-corrected``: consistent, and plain HPS where there is nothing to correct."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hps_bench.theory.estimators import METHODS, Sampling, fit
from hps_bench.theory.settings import World
from hps_bench.theory.world import Rankings, draw_rankings, draw_truth


def drawn(world: World, prompts: int, responses: int) -> tuple[NDArray[np.float64], Rankings]:
    rng = np.random.default_rng(8)
    truth = draw_truth(world, rng)
    return truth.theta, draw_rankings(world, truth, prompts, responses, rng)


def estimate(method: str, rankings: Rankings, gamma: float) -> NDArray[np.float64]:
    rng = np.random.default_rng(9)
    return fit(METHODS[method](Sampling(rankings, gamma, rng)), bound=None)


@pytest.mark.parametrize("gamma", [-2.0, 1.0, 3.0])
@pytest.mark.parametrize("cosine", [1.0, 0.3])
def test_error_falls_as_root_m_where_that_of_hps_stays(gamma: float, cosine: float) -> None:
    """64 times the lists: an eighth of the error is expected, at most half is asked for."""
    world = World(dimension=3, norm=2.0, estimate_cosine=cosine)
    theta, rankings = drawn(world, 64_000, 6)
    few = Rankings(*(part[:1_000] for part in vars(rankings).values()))
    errors = {
        method: [
            np.linalg.norm(estimate(method, lists, gamma) - theta) for lists in (few, rankings)
        ]
        for method in ("hps", "hps-corrected")
    }
    less, more = errors["hps-corrected"]
    assert more < less / 2
    assert more < 0.1
    assert errors["hps"][1] > 5 * more


@pytest.mark.parametrize(("responses", "gamma"), [(2, 3.0), (5, 0.0)])
def test_pairs_and_uniform_draws_need_no_correction(responses: int, gamma: float) -> None:
    _, rankings = drawn(World(), 500, responses)
    plain, corrected = (estimate(name, rankings, gamma) for name in ("hps", "hps-corrected"))
    assert corrected.tolist() == plain.tolist()
