"""Commands that draw figures."""

from __future__ import annotations

from typing import Annotated

import typer

from hps_bench.options import ConfigFile, Output, Results, SettingsFile
from hps_bench.stages import load_settings

app = typer.Typer()


@app.command()
def figure(
    settings: SettingsFile,
    figure: Annotated[str, typer.Option(help="Name, for example training-curves.")],
    results: Results,
    output: Output,
) -> None:
    """Draw one figure as PDF and PNG, and write what it shows as CSV."""
    from hps_bench.figures.settings import FigureJob
    from hps_bench.figures.stage import write_figure

    if not write_figure(figure, load_settings(FigureJob, settings), results, output):
        typer.echo(f"{figure}: left out, there are no records to draw it from")


@app.command()
def figures(config: ConfigFile) -> None:
    """Draw all figures from the records that exist."""
    from hps_bench.closing import write_all_figures
    from hps_bench.config import load_config
    from hps_bench.workflow import Workflow

    for line in write_all_figures(Workflow(load_config(config))):
        typer.echo(line)
