"""The page of Theorem 1: what stands in its tables."""

import numpy as np
import pandas as pd

from hps_bench.theory import summaries
from hps_bench.theory.page import interval_text, page, sections
from tests.unit.theory.test_summaries import SETTINGS, made


def test_page_shows_means_and_slopes() -> None:
    """Made errors (1 + seed) · n^{−1/4} / √m at m = 1600, n = 4: mean 2 · 4^{−1/4} / 40."""
    errors = made()
    needed = summaries.constants(errors, SETTINGS)
    text = page(
        {
            "errors": errors,
            "errors-means": summaries.means(errors),
            "errors-slopes": summaries.slopes(errors),
            "errors-bounds": summaries.bounds(needed, SETTINGS),
        }
    )
    assert "## theorem: m = 1600, n = 4, 3 seeds" in text
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    (pl,) = (cells for cells in lines if cells[0] == "| pl")
    assert pl[1] == ""
    assert pl[2].startswith("0.035 [")
    assert pl[-1] == "−0.500 [−0.500, −0.500] |"
    (hps,) = (cells for cells in lines if cells[0] == "| hps")
    assert hps[1] == "1"


def test_slopes_in_n_need_three_values() -> None:
    """Two values of n in the made grid: no table, and the bounds are not shown."""
    errors = made()
    tables = {
        "errors": errors,
        "errors-means": summaries.means(errors),
        "errors-slopes": summaries.slopes(errors),
        "errors-bounds": summaries.bounds(summaries.constants(errors, SETTINGS), SETTINGS),
    }
    assert "slopes in n" not in page(tables)
    tables["errors-slopes"] = tables["errors-slopes"].assign(points=3)
    assert "| Ψ₂, bound for PL |  | 2.00 |" in page(tables)


def means(scenario: str, measure: str, **columns: list[float]) -> pd.DataFrame:
    """Rows of ``errors-means`` of one method, with intervals of ± 0.1."""
    rows = pd.DataFrame({"gamma": np.nan, "responses": 8, "prompts": 100, **columns})
    named = rows.assign(scenario=scenario, method="hps", measure=measure, seeds=5)
    return named.assign(low=named["mean"] - 0.1, high=named["mean"] + 0.1)


def shown(*of: pd.DataFrame) -> dict[str, str]:
    empty = pd.DataFrame(columns=[*summaries.ESTIMATOR, "against", "fixed", "points", "bound"])
    return sections({"errors-means": pd.concat(of), "errors-slopes": empty, "errors-bounds": empty})


def test_methods_with_many_gammas_are_shown_at_every_n() -> None:
    grid: dict[str, list[float]] = {
        "gamma": [-5, -5, 0, 0, 1, 1, 5, 5],
        "responses": [4, 16] * 4,
        "mean": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
    }
    found = shown(means("gamma", "norm", **grid))
    table = found["gamma: hps against γ, m = 100"].splitlines()
    head = "method | γ | n = 4: error | n = 4: cosine | n = 4: norm ratio | n = 16: error"
    assert table[0].startswith(f"| {head}")
    assert table[2] == "| hps | −5 |  |  | 0.100 [0.000, 0.200] |  |  | 0.200 [0.100, 0.300] |"
    few = means("few", "norm", **{column: values[2:] for column, values in grid.items()})
    assert "few: hps against γ, m = 100" not in shown(few)


def test_practice_is_shown_over_m() -> None:
    sizes: dict[str, list[float]] = {"prompts": [32, 512]}
    found = shown(
        means("practice", "estimate_cosine", mean=[0.7, 0.9], **sizes),
        means("practice", "cosine", mean=[0.6, 0.8], **sizes),
    )
    head, _, row = found["practice: cosines of θ̂, n = 8"].splitlines()
    assert head == "| method | γ | with r_est, m = 32 | with r_est, m = 512 | with θ*, m = 512 |"
    cells = ["0.700 [0.600, 0.800]", "0.900 [0.800, 1.000]", "0.800 [0.700, 0.900]"]
    assert row == f"| hps |  | {' | '.join(cells)} |"


def test_regret_is_shown_where_no_parameter_is_right() -> None:
    sizes: dict[str, list[float]] = {"prompts": [32, 64, 512], "mean": [0.7, 0.8, 0.9]}
    found = shown(
        means("misspecified", "regret", **sizes), means("misspecified", "cosine", **sizes)
    )
    row = found["No θ is right: regret"].splitlines()[2].split(" | ")
    assert [cell[:5] for cell in row[2:]] == ["0.700", "0.900", "0.900"]
    assert "No θ is right: regret" not in shown(means("theorem", "regret", **sizes))


def test_a_mean_of_one_seed_has_no_interval() -> None:
    one = {"mean": -0.5, "low": np.nan, "high": np.nan}
    assert interval_text(one) == "−0.500"
    assert interval_text(dict.fromkeys(one, np.nan)) == ""
    assert interval_text({"mean": 1, "low": 0, "high": 2}, digits=1) == "1.0 [0.0, 2.0]"
