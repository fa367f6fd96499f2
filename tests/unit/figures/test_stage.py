import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.text import Text
from PIL import Image

from hps_bench.errors import UserError
from hps_bench.figures.catalogue import FIGURES, find_figure, is_drawn
from hps_bench.figures.settings import FigureJob
from hps_bench.figures.stage import DRAWINGS, Drawing, write_figure
from hps_bench.figures.style import house_style
from tests.unit.figures.fabricated import job, write_everything
from tests.unit.hostile.texts import HOSTILE
from tests.unit.tables.fabricated import cell, cells, write_evaluation

KINDS = ("csv", "pdf", "png")


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FigureJob]:
    """Results with all records, and a job that shows all of their cells."""
    results = tmp_path_factory.mktemp("results")
    return results, job(*write_everything(results))


@pytest.fixture(scope="session")
def drawn(everything: tuple[Path, FigureJob]) -> Path:
    results, of = everything
    for name in FIGURES:
        assert write_figure(name, of, results, results / "figures")
    return results / "figures"


def test_every_figure_is_drawn_somehow() -> None:
    assert list(DRAWINGS) == list(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_files_are_what_their_names_say(drawn: Path, name: str) -> None:
    assert (drawn / f"{name}.pdf").read_bytes().startswith(b"%PDF-1.")
    with Image.open(drawn / f"{name}.png") as image:
        # A column's or a page's width, at 200 points an inch.
        assert image.width in (660, 1360)
    table = list(csv.reader((drawn / f"{name}.csv").read_text().splitlines()))
    assert len(table) > 1
    assert {len(line) for line in table} == {len(table[0])}
    assert is_drawn(drawn, name)


def test_a_second_run_gives_the_same_bytes(
    drawn: Path, everything: tuple[Path, FigureJob], tmp_path: Path
) -> None:
    """In another process, with other hashes of text, and with settings of the user's own."""
    results, of = everything
    (tmp_path / "job.json").write_text(of.model_dump_json())
    (tmp_path / "matplotlibrc").write_text("font.size: 20\nlines.linewidth: 9\ntext.usetex: true\n")
    command = [sys.executable, "-m", "hps_bench", "figure", "--settings", f"{tmp_path}/job.json"]
    for name in ("margin-distributions", "gamma-schedule"):
        subprocess.run(
            [*command, "--figure", name, "--results", results, "--output", tmp_path],
            env={**os.environ, "PYTHONHASHSEED": "7", "MATPLOTLIBRC": str(tmp_path)},
            check=True,
        )
        for kind in KINDS:
            first, again = (folder / f"{name}.{kind}" for folder in (drawn, tmp_path))
            assert first.read_bytes() == again.read_bytes(), again


@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="pdffonts (poppler-utils) is missing")
def test_fonts_are_embedded_as_truetype(drawn: Path) -> None:
    for name in FIGURES:
        result = subprocess.run(
            ["pdffonts", drawn / f"{name}.pdf"], capture_output=True, text=True, check=True
        )
        fonts = result.stdout.splitlines()[2:]
        assert fonts
        for font in fonts:
            assert re.search(r"DejaVuSans .*TrueType.* yes yes", font), font


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext (poppler) is missing")
def test_text_of_a_pdf_is_text(drawn: Path) -> None:
    result = subprocess.run(
        ["pdftotext", drawn / "win-rates.pdf", "-"], capture_output=True, text=True, check=True
    )
    assert "DPO-HPS vs. DPO-BT" in result.stdout
    assert "PKU-SafeRLHF" in result.stdout


@pytest.mark.parametrize("name", FIGURES)
def test_figure_without_records_is_left_out_with_a_note(tmp_path: Path, name: str) -> None:
    assert not write_figure(name, job(*cells("dpo-hps", "dpo-bt")), tmp_path, tmp_path)
    assert (tmp_path / f"{name}.csv").read_text().count("\n") == 1
    assert all((tmp_path / f"{name}.{kind}").is_file() for kind in KINDS)
    assert not is_drawn(tmp_path, name)


def test_figure_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no figure 'margins-n'; did you mean 'margin-n'\?"):
        write_figure("margins-n", job(cell("dpo-hps")), tmp_path, tmp_path)
    assert not is_drawn(tmp_path, find_figure("margin-n").name)


def test_damaged_records_are_an_error_in_one_line(tmp_path: Path) -> None:
    of = cell("dpo-hps")
    write_evaluation(tmp_path, of.evaluation_path, rm_dpo=1.0)
    (tmp_path / "evaluations" / of.evaluation_path / "records.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="damaged"):
        write_figure("margin-distributions", job(of), tmp_path, tmp_path)


def test_settings_of_the_user_come_back() -> None:
    with mpl.rc_context({"font.size": 3.0}):
        with house_style():
            assert mpl.rcParams["font.size"] == 7
        assert mpl.rcParams["font.size"] == 3.0


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    """No formula, and no more than a line; a cell takes only names that are printable."""
    texts = ["$x$", r"$\frac{1}{", "a_b^c", "_a", "中文", "x" * 99, *HOSTILE]
    names = [t for t in dict.fromkeys(texts) if t.isprintable() and t and "/" not in t]
    of = [cell(f"dpo-{name}", trained_on=set_) for name in names for set_ in ("$y$", "=1")]
    for each in of:
        write_evaluation(tmp_path, each.evaluation_path, rm_dpo=[1.0, 2.0])
    shown = _texts(DRAWINGS["margin-distributions"], job(*of), tmp_path)
    legible = {name.upper() for name in names if name.isascii() and len(name) < 48}
    assert {"$X$", "A_B^C", "_A"} < legible <= shown
    assert {"$y$", "=1", "U+4E2DU+6587"} <= shown
    assert write_figure("margin-distributions", job(*of), tmp_path, tmp_path)
    with (tmp_path / "margin-distributions.csv").open(newline="") as file:
        assert {row["trained_on"] for row in csv.DictReader(file)} == {"$y$", "'=1"}


def _texts(drawing: Drawing, of: FigureJob, results: Path) -> set[str]:
    with house_style():
        figure = drawing.draw(drawing.records(of, results))
        figure.draw_without_rendering()
        found = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    assert not any(text.get_parse_math() for text in found)
    assert all(line.isprintable() for text in found for line in text.get_text().split("\n"))
    return {text.get_text() for text in found}
