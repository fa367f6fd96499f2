"""The pages of Theorems 2 and 3: what stands in their tables."""

import numpy as np
import pandas as pd
import pytest

from hps_bench.theory import hardest_negative, label_noise, margins
from hps_bench.theory.figures import Tables
from hps_bench.theory.margin_pages import pages
from hps_bench.theory.settings import TheorySettings
from tests.unit.theory.tiny import TINY


@pytest.fixture(scope="module")
def tables() -> Tables:
    settings = TheorySettings.model_validate(TINY)
    return {
        **hardest_negative.tables(settings),
        **margins.tables(settings),
        **label_noise.tables(settings),
    }


def cells(page: str, *starts: str) -> list[str]:
    """The one row that begins with these cells."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")]
    (row,) = (line for line in lines if line[: len(starts)] == list(starts))
    return row[len(starts) :]


def mean(table: pd.DataFrame, measure: str, **at: object) -> float:
    rows = table[table["measure"] == measure]
    for column, value in at.items():
        rows = rows[rows[column] == value]
    return float(rows["mean"].iloc[0])


def test_gaps_by_gamma(tables: Tables) -> None:
    page = pages(tables)["theorem-2"]
    gap = mean(tables["gaps-means"], "gap", gamma=20)
    assert float(cells(page, "20")[0].replace("−", "-")) == pytest.approx(gap, rel=0.01)
    assert cells(page, "∞") == ["0"]
    assert cells(page, "n", "slope") == []


def test_minimisers_and_maximisers(tables: Tables) -> None:
    page = pages(tables)["theorem-3"]
    practice = page.split("## ")[1]
    of = {"world": "practice", "method": "top-1", "limit": 10}
    shown = cells(practice, "top-1", "B = 10")
    assert float(shown[0]) == 10
    assert float(shown[4]) == pytest.approx(
        mean(tables["margins-means"], "mean_margin", **of), rel=0.01
    )
    assert cells(practice, "mean-margin", "direct")[4] == "1"
    assert cells(practice, "hps-full-n, γ = 5", "10 steps")


def test_margins_at_reached_bounds_have_intervals(tables: Tables) -> None:
    page = pages(tables)["theorem-3"].split("## practice: mean margins with intervals")[1]
    means = tables["margins-means"]
    at = means.query("world == 'practice' and method == 'pl' and limit == 10")
    (row,) = at[at["measure"] == "regret"][["mean", "low", "high"]].to_numpy()
    shown = [f"{value:.4f}" for value in row]
    last = cells(page.split("##")[0], "pl")[-1].replace("−", "-")
    assert last == f"{shown[0]} [{shown[1]}, {shown[2]}]"


def test_estimates_of_nothing_have_no_cosine(tables: Tables) -> None:
    noise = tables["noise-means"].copy()
    hardest = noise["method"] == "hardest"
    noise.loc[hardest & (noise["measure"] == "cosine"), "mean"] = np.nan
    noise.loc[hardest & (noise["measure"] == "norm"), "mean"] = 1e-12
    page = pages({**tables, "noise-means": noise})["theorem-3"]
    assert cells(page, "hardest", "none (0)") == ["none (0)"]
