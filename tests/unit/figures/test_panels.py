import pandas as pd
import pytest
from matplotlib.lines import Line2D

from hps_bench.figures.panels import DATASET, SETTING, finish, legend_above, panels, parts, whiskers

FRAME = pd.DataFrame(
    {
        "reward": ["dpo", "simpo"],
        "method": ["bt", "bt"],
        "responses": [5, 20],
        "beta": [0.1, 0.1],
        "trained_on": ["hh-rlhf", "hh-rlhf"],
        "evaluated_on": ["hh-rlhf", "pku-saferlhf"],
    }
)


def test_titles_name_what_differs() -> None:
    assert [title for title, _ in parts(FRAME, DATASET)] == ["HH-RLHF", "HH-RLHF → PKU-SafeRLHF"]
    assert [title for title, _ in parts(FRAME, SETTING)] == ["DPO, n = 5", "SimPO, n = 20"]
    assert [title for title, _ in parts(FRAME.iloc[:1], SETTING)] == ["DPO"]
    both = [title for title, _ in parts(FRAME, (*DATASET, "reward", "beta"))]
    assert both == ["HH-RLHF\nDPO", "HH-RLHF → PKU-SafeRLHF\nSimPO"]


def test_panels_are_a_column_or_a_page_wide_and_no_longer_than_a_page() -> None:
    narrow, _ = panels(["a"], ["b"])
    wide, axes = panels(["a"] * 10, ["b", "c"])
    assert narrow.get_size_inches()[0] == pytest.approx(3.3)
    assert wide.get_size_inches().tolist() == pytest.approx([6.8, 8.5])
    assert axes.shape == (10, 2)


def test_legend_has_as_many_lines_as_its_names_need() -> None:
    """Ten letters take 1.05 inches: six names in a line on a page, three in a column."""
    heights = {}
    for columns in (1, 2):
        figure, _ = panels(["a"], ["b"] * columns)
        before = figure.get_size_inches()[1]
        legend_above(figure, [Line2D([], [], label="n" * 10) for _ in range(6)])
        heights[columns] = figure.get_size_inches()[1] - before
    assert heights == {1: pytest.approx(0.15), 2: pytest.approx(0.0)}


def test_no_panel_is_left_empty() -> None:
    _, axes = panels(["a", "b"], ["c", "d"])
    for row, column in ((0, 0), (0, 1), (1, 0)):
        axes[row, column].plot([0, 1], [0, 1])
    finish(axes, "x")
    assert [place.axison for place in axes.flat] == [True, True, True, False]
    assert [place.get_xlabel() for place in axes.flat] == ["", "x", "x", ""]


def test_whiskers_are_never_negative() -> None:
    part = pd.DataFrame({"m": [1.0, 1.0], "l": [0.5, 1.5], "h": [3.0, 2.0]})
    assert whiskers(part, "m", "l", "h").tolist() == [[0.5, 0.0], [2.0, 1.0]]
