"""The command that writes model cards and data cards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hps_bench.options import Results, SettingsFile
from hps_bench.records import write_json
from hps_bench.stages import load_settings, report

app = typer.Typer()


@app.command()
def cards(
    settings: SettingsFile,
    results: Results,
    output: Annotated[
        Path | None, typer.Option(help="File to write the numbers of cards to.")
    ] = None,
) -> None:
    """Write a README.md beside every policy and data set: its model card or data card."""
    from hps_bench.cards.stage import write_cards
    from hps_bench.config import Config
    from hps_bench.workflow import Workflow

    job = Workflow(load_settings(Config, settings)).cards_job
    summary = write_cards(job, results)
    if output:
        # How many were written depends on what earlier runs have left.
        write_json(output, {kind: summary[kind] for kind in ("policies", "datasets")})
    report(summary)
