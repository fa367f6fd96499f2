"""Documents through LaTeX, read back as text."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hps_bench.report.typesetting import missing_files
from hps_bench.tables.latex import latex_fragment
from hps_bench.tables.table import Table

MISSING = [*missing_files(), *(name for name in ("pdftotext",) if not shutil.which(name))]
needs_latex = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

DOCUMENT = r"""
\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs,siunitx,mathptmx}
\sisetup{mode=text}
\usepackage[paperwidth=42in,paperheight=72in,margin=1in]{geometry}
\setlength{\parindent}{0pt}
\pagestyle{empty}
\begin{document}\input{fragment}\end{document}
"""
"""A document as a paper has it, on a page that every table fits."""


def pdf_text(pdf: Path) -> str:
    """Text of a PDF as it stands on its pages, with plain minus signs."""
    command = ["pdftotext", "-layout", str(pdf), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return text.replace("−", "-")


def page_of(table: Table, folder: Path) -> str:
    """Text of the page that shows a table's fragment; no box is overfull."""
    (folder / "fragment.tex").write_text(latex_fragment(table), encoding="utf-8")
    (folder / "document.tex").write_text(DOCUMENT, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "document.tex"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-2000:]
    assert "Overfull" not in run.stdout
    return pdf_text(folder / "document.pdf")


def line(text: str, label: str) -> list[str]:
    """Words after the label that a line starts with."""
    start = label.split()
    rows = (row.split() for row in text.splitlines())
    return next(row[len(start) :] for row in rows if row[: len(start)] == start)
