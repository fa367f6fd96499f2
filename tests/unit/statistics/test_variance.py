"""Variance components against statsmodels' ANOVA and mixed model, and scipy's t tests."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
import statsmodels.formula.api as smf

from hps_bench.statistics import VarianceComponents, random_effects_test, variance_components
from tests.unit.statistics.samples import Array, crossed, normal


def components(differences: Array) -> VarianceComponents:
    found = variance_components(list(differences))
    assert found is not None
    return found


def long_form(differences: Array) -> pd.DataFrame:
    seeds, prompts = np.indices(differences.shape)
    columns = {"seed": seeds, "prompt": prompts, "difference": differences}
    return pd.DataFrame({name: of.ravel() for name, of in columns.items()})


def test_components_equal_those_of_statsmodels_anova() -> None:
    # Ten digits. Expected mean squares: P·seed + residual, S·prompt + residual, residual.
    differences = crossed(4, 12)
    model = smf.ols("difference ~ C(seed) + C(prompt)", long_form(differences)).fit()
    table = sm.stats.anova_lm(model)
    squares = table["sum_sq"] / table["df"]
    found = components(differences)
    assert found.residual == pytest.approx(squares["Residual"], rel=1e-10)
    assert found.seed == pytest.approx((squares["C(seed)"] - squares["Residual"]) / 12, rel=1e-10)
    assert found.prompt == pytest.approx(
        (squares["C(prompt)"] - squares["Residual"]) / 4, rel=1e-10
    )
    assert found.mean == pytest.approx(differences.mean(), rel=1e-12)
    assert (found.seeds, found.prompts) == (4, 12)


def test_components_agree_with_statsmodels_mixed_model() -> None:
    # REML of balanced data is the ANOVA's; three digits, as its optimiser stops there.
    differences = crossed(6, 15)
    frame = long_form(differences).assign(group=1)
    parts = {"prompt": "0 + C(prompt)", "seed": "0 + C(seed)"}
    fitted = smf.mixedlm("difference ~ 1", frame, groups="group", vc_formula=parts).fit()
    found = components(differences)
    assert [found.prompt, found.seed] == pytest.approx(list(fitted.vcomp), rel=1e-3)
    assert found.residual == pytest.approx(fitted.scale, rel=1e-3)
    assert float(found.standard_error(6)) == pytest.approx(fitted.bse["Intercept"], rel=1e-3)


def test_differences_that_vary_between_seeds_only_are_a_t_test_of_seeds() -> None:
    by_seed = normal(5)
    found = components(np.repeat(by_seed[:, None], 7, axis=1))
    assert [found.prompt, found.residual] == pytest.approx([0.0, 0.0], abs=1e-20)
    assert found.seed == pytest.approx(by_seed.var(ddof=1))
    expected = scipy.stats.ttest_1samp(by_seed, 0)
    assert random_effects_test(found) == pytest.approx(expected.pvalue, rel=1e-9)
    assert float(found.degrees_of_freedom(5)) == pytest.approx(expected.df)


def test_differences_that_vary_between_prompts_only_are_a_t_test_of_prompts() -> None:
    by_prompt = normal(7) - 2
    found = components(np.repeat(by_prompt[None], 5, axis=0))
    expected = scipy.stats.ttest_1samp(by_prompt, 0)
    assert random_effects_test(found) == pytest.approx(expected.pvalue, rel=1e-9)
    assert float(found.degrees_of_freedom(5)) == pytest.approx(expected.df)


def test_degrees_of_freedom_by_hand() -> None:
    # S = 3, P = 5: mean squares 5·2 + 1 = 11, 3·3 + 1 = 10 and 1; 20² / (121/2 + 100/4 + 1/8).
    found = VarianceComponents(1.0, seed=2.0, prompt=3.0, residual=1.0, seeds=3, prompts=5)
    assert float(found.degrees_of_freedom(3)) == pytest.approx(400 / 85.625)
    # 2/3 + 3/5 + 1/15.
    assert float(found.standard_error(3)) == pytest.approx((4 / 3) ** 0.5)


def test_negative_estimates_are_zero() -> None:
    # Seeds of equal means, and prompts of equal means.
    found = components(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    assert (found.seed, found.prompt, found.residual) == (0.0, 0.0, 4.0)


def test_prompts_that_a_seed_lacks_do_not_count() -> None:
    whole = crossed(3, 8)
    lacking = np.hstack([whole, [[1.0], [np.nan], [1.0]]])
    assert components(lacking) == components(whole)


@pytest.mark.parametrize("shape", [(1, 9), (3, 1), (3, 0)])
def test_one_seed_or_one_prompt_says_nothing(shape: tuple[int, int]) -> None:
    assert variance_components(list(np.ones(shape))) is None


def test_no_seed_and_seeds_of_other_prompts_say_nothing() -> None:
    assert variance_components([]) is None
    assert variance_components([normal(4), normal(5)]) is None


def test_differences_without_any_spread() -> None:
    assert random_effects_test(components(np.zeros((3, 4)))) == 1.0
    assert random_effects_test(components(np.ones((3, 4)))) == 0.0


def test_random_effects_test_keeps_its_level() -> None:
    # 400 worlds without a difference, tested at 10 %: 40 rejections, standard deviation 6.
    rng = np.random.default_rng(2)
    rejected = 0
    for _ in range(400):
        world = rng.normal(size=(3, 1)) + rng.normal(size=20) + rng.normal(size=(3, 20))
        rejected += random_effects_test(components(world)) <= 0.1
    assert 16 <= rejected <= 58
