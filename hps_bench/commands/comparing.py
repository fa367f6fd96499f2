"""The command that puts the paper beside our results."""

from __future__ import annotations

import typer

from hps_bench.options import Output, Results, SettingsFile
from hps_bench.stages import load_settings, report

app = typer.Typer()


@app.command()
def compare_paper(settings: SettingsFile, results: Results, output: Output) -> None:
    """Compare the paper's figures and claims with ours, and its tables with themselves."""
    from hps_bench.paper_comparison.settings import ComparisonJob
    from hps_bench.paper_comparison.stage import write_comparison

    report(write_comparison(load_settings(ComparisonJob, settings), results, output))
