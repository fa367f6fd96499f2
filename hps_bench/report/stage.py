"""The ``report`` stage: tables, figures and comparisons in; ``report.tex`` out."""

from __future__ import annotations

from pathlib import Path

from hps_bench.config import Config
from hps_bench.folders import FINISHED, Folders
from hps_bench.records import atomic_path
from hps_bench.report.document import latex_report


def write_report(config: Config, results: Path, output: Path, folders: Folders = FINISHED) -> Path:
    """Write ``report.tex`` under ``output``; see :func:`~hps_bench.report.document.latex_report`.

    Returns:
        The file.

    Raises:
        UserError: a record is damaged, or there is no table of a name.
    """
    text = latex_report(config, results, output, folders)
    document = output / "report.tex"
    with atomic_path(document) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return document
