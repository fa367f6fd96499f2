"""The report as PDF, by latexmk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from hps_bench.errors import UserError
from hps_bench.records import atomic_path

PROGRAMS = ("latexmk", "pdflatex")
STYLES = ("siunitx.sty", "booktabs.sty", "pdflscape.sty", "mathptmx.sty", "ptmr8t.tfm")
"""A file of each LaTeX collection that the report needs."""
DEBIAN_PACKAGES = (
    *("latexmk", "texlive-latex-recommended", "texlive-fonts-recommended", "texlive-science"),
)

_ERROR = re.compile(r"^! .*", re.MULTILINE)


@cache
def missing_files() -> tuple[str, ...]:
    """Programs and LaTeX files that are not installed; empty where the report can be typeset."""
    programs = tuple(name for name in PROGRAMS if not shutil.which(name))
    if programs or not shutil.which("kpsewhich"):
        return programs
    found = subprocess.run(["kpsewhich", *STYLES], capture_output=True, text=True, check=False)
    names = {Path(line).name for line in found.stdout.splitlines()}
    return tuple(name for name in STYLES if name not in names)


def what_to_install() -> str:
    """What the report's PDF lacks, and where it is from, in one line."""
    return (
        f"report.pdf is not made: {', '.join(missing_files())} not installed "
        f"(Debian: apt-get install {' '.join(DEBIAN_PACKAGES)})"
    )


def write_pdf(document: Path) -> Path:
    """Typeset a document; its PDF comes to lie beside it, and no other file.

    TeX runs without shell escape. The same files give the same PDF.

    Raises:
        UserError: the document has an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        _typeset(document, Path(folder))
        pdf = document.with_suffix(".pdf")
        with atomic_path(pdf) as temporary:
            shutil.copyfile(Path(folder) / pdf.name, temporary)
    return pdf


def _typeset(document: Path, folder: Path) -> None:
    command = [
        *("latexmk", "-norc", "-pdf", "-silent", "-halt-on-error", "-interaction=nonstopmode"),
        *("-latexoption=-no-shell-escape", f"-outdir={folder}", document.name),
    ]
    run = subprocess.run(
        command,
        cwd=document.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "max_print_line": "10000"},
        check=False,
    )
    if run.returncode:
        log = (folder / document.name).with_suffix(".log")
        raise UserError(f"{document}: LaTeX stops: {_first_error(log)}; is a file of it damaged?")


def _first_error(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    found = _ERROR.search(text)
    return found[0] if found else "it does not say why"
