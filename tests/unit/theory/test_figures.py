"""Figures of the theorems: files, repetition, and what stands in for nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hps_bench.theory.catalogue import THEOREMS
from hps_bench.theory.figures import (
    DRAWINGS,
    Tables,
    draw_errors,
    draw_gaps,
    draw_margins,
    write_figures,
)
from hps_bench.theory.settings import TABLES, TheorySettings
from hps_bench.theory.stage import write_theory
from tests.unit.theory.tiny import TINY


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("theory")
    write_theory(TheorySettings.model_validate(TINY), folder)
    return folder


@pytest.fixture(scope="module")
def tables(drawn: Path) -> Tables:
    return {
        name: pd.read_csv(drawn / f"{name}.csv", float_precision="round_trip") for name in TABLES
    }


def test_stage_draws_the_figures_that_the_workflow_expects(drawn: Path) -> None:
    assert list(DRAWINGS) == list(THEOREMS)
    for name in THEOREMS:
        assert (drawn / f"{name}.pdf").read_bytes().startswith(b"%PDF-1.")
        with Image.open(drawn / f"{name}.png") as image:
            assert image.width in (660, 1360)


def test_figures_are_drawn_from_the_tables_alone(
    drawn: Path, tables: Tables, tmp_path: Path
) -> None:
    write_figures(tables, tmp_path)
    for name in THEOREMS:
        for kind in ("png", "pdf"):
            file = f"{name}.{kind}"
            assert (drawn / file).read_bytes() == (tmp_path / file).read_bytes()


def test_gaps_are_drawn_at_their_values(tables: Tables) -> None:
    figure = draw_gaps(tables)
    assert figure is not None
    [axes] = figure.axes
    means = tables["gaps-means"].query("measure == 'gap' and gamma > 0")
    assert np.array_equal(axes.lines[0].get_ydata(), means["mean"])


def test_intervals_below_0_end_within_a_log_axis(tables: Tables) -> None:
    """Bands would else go down to −∞, and stand beside the points as walls."""
    means = tables["errors-means"].assign(low=-1.0)
    figure = draw_errors({**tables, "errors-means": means})
    assert figure is not None
    bands = [band for axes in figure.axes for band in axes.collections]
    vertices = np.concatenate([path.vertices for band in bands for path in band.get_paths()])
    assert len(bands) > 3
    assert vertices[:, 1].min() > figure.axes[0].get_ylim()[0] > 0


def test_a_panel_without_a_direction_is_left_out(tables: Tables) -> None:
    figure = draw_margins(tables)
    assert figure is not None
    worlds = tables["maximisers-means"].query("measure == 'separable'")["mean"]
    shown = [place.axison for place in figure.axes]
    assert sum(shown) == 2 * len(worlds) + (worlds > 0).sum()


def test_a_note_stands_in_for_nothing(tables: Tables, tmp_path: Path) -> None:
    gaps = tables["gaps-means"]
    write_figures({**tables, "gaps-means": gaps[gaps["gamma"] <= 0]}, tmp_path)
    with Image.open(tmp_path / "theorem-2.png") as image:
        assert image.size == (660, 100)
