"""The command that writes the page to be opened first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hps_bench.options import Results, SettingsFile
from hps_bench.stages import load_settings

app = typer.Typer()


@app.command()
def index(
    settings: SettingsFile,
    results: Results,
    output: Annotated[Path, typer.Option("--output", help="File to write, in the results.")],
) -> None:
    """Write one page of everything that came out: tables, figures, samples, cells, costs."""
    from hps_bench.config import Config
    from hps_bench.index_page.page import write_index

    write_index(load_settings(Config, settings), results, output)
