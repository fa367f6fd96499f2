from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from hps_bench.config import Config
from hps_bench.paper_comparison.stage import write_comparison
from hps_bench.workflow import Workflow
from tests.unit.index_page.fabricated import FIGURE, finished, small_config


@pytest.fixture
def config() -> Config:
    return small_config()


@pytest.fixture(scope="session")
def finished_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, config = tmp_path_factory.mktemp("finished"), small_config()
    finished(folder, config)
    write_comparison(Workflow(config).comparison, folder, folder / "paper_comparison")
    figure = folder / "figures" / f"{FIGURE}.pdf"
    matplotlib.image.imsave(figure, np.zeros((300, 600, 3)), format="pdf", dpi=100)
    return folder


@pytest.fixture
def results(tmp_path: Path, finished_results: Path) -> Path:
    """Results of every cell, with tables, one figure and the comparison with the paper."""
    return Path(shutil.copytree(finished_results, tmp_path / "results"))
