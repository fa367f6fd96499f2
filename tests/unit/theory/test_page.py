"""The page of Theorem 1: what stands in its tables."""

from hps_bench.theory import summaries
from hps_bench.theory.page import page
from tests.unit.theory.test_summaries import SETTINGS, made


def test_page_shows_means_and_slopes() -> None:
    """Made errors (1 + seed) · n^{−1/4} / √m at m = 1600, n = 4: mean 2 · 4^{−1/4} / 40."""
    errors = made()
    needed = summaries.constants(errors, SETTINGS)
    text = page(
        {
            "errors": errors,
            "errors-means": summaries.means(errors, SETTINGS),
            "errors-slopes": summaries.slopes(errors, SETTINGS),
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
        "errors-means": summaries.means(errors, SETTINGS),
        "errors-slopes": summaries.slopes(errors, SETTINGS),
        "errors-bounds": summaries.bounds(summaries.constants(errors, SETTINGS), SETTINGS),
    }
    assert "slopes in n" not in page(tables)
    tables["errors-slopes"] = tables["errors-slopes"].assign(points=3)
    assert "| Ψ₂, bound for PL |  | 2.00 |" in page(tables)
