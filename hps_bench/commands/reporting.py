"""The command that writes the report."""

from __future__ import annotations

import typer

from hps_bench.options import Output, Results, SettingsFile
from hps_bench.stages import load_settings

app = typer.Typer()


@app.command()
def report(settings: SettingsFile, results: Results, output: Output) -> None:
    """Write report.tex, which shows all tables and figures, and its PDF where LaTeX is there."""
    from hps_bench.config import Config
    from hps_bench.report.stage import write_report
    from hps_bench.report.typesetting import missing_files, what_to_install, write_pdf

    document = write_report(load_settings(Config, settings), results, output)
    typer.echo(what_to_install() if missing_files() else write_pdf(document))
