from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hps_bench.cli import app
from hps_bench.config import Config
from hps_bench.errors import UserError
from hps_bench.report.stage import write_report
from hps_bench.report.typesetting import missing_files, write_pdf
from tests.unit.tables.typeset import needs_latex, pdf_text

DOCUMENT = r"\documentclass{article}\begin{document}\input{part}\end{document}"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "a folder" / "report.tex"
    path.parent.mkdir()
    path.write_text(DOCUMENT)
    (path.parent / "part.tex").write_text("Some text.")
    return path


@pytest.fixture
def without_latex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which no program is found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    missing_files.cache_clear()
    yield
    missing_files.cache_clear()


@needs_latex
def test_a_pdf_and_nothing_else_lies_beside_the_document(document: Path) -> None:
    pdf = write_pdf(document)
    assert pdf_text(pdf).startswith("Some text.")
    names = {path.name for path in document.parent.iterdir()}
    assert names == {"report.tex", "part.tex", "report.pdf", ".sha256"}


@needs_latex
def test_same_results_same_bytes(results: Path, config: Config) -> None:
    document = write_report(config, results, results / "report")
    first = write_pdf(document).read_bytes()
    assert write_pdf(document).read_bytes() == first
    assert b"/CreationDate" not in first


@needs_latex
def test_an_error_of_latex_is_one_line(document: Path) -> None:
    (document.parent / "part.tex").write_text(r"Some \undefined{} text.")
    with pytest.raises(UserError, match=r"report\.tex: LaTeX stops: ! Undefined control sequence"):
        write_pdf(document)
    assert not document.with_suffix(".pdf").exists()


@needs_latex
def test_a_document_runs_no_program(document: Path) -> None:
    (document.parent / "part.tex").write_text(r"\immediate\write18{touch written}Some text.")
    write_pdf(document)
    assert not (document.parent / "written").exists()


@needs_latex
def test_everything_is_installed() -> None:
    assert missing_files() == ()


@pytest.mark.usefixtures("without_latex")
def test_without_latex_the_source_is_written(tmp_path: Path, config: Config) -> None:
    settings, output = tmp_path / "report.json", tmp_path / "report"
    settings.write_text(config.model_dump_json())
    line = ["--settings", str(settings), "--results", str(tmp_path), "--output", str(output)]
    result = CliRunner().invoke(app, ["report", *line])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == (
        "report.pdf is not made: latexmk, pdflatex not installed (Debian: apt-get install latexmk "
        "texlive-latex-recommended texlive-fonts-recommended texlive-science)"
    )
    assert (output / "report.tex").is_file()
    assert not (output / "report.pdf").exists()
