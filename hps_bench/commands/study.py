"""The commands of the human study, ``hps-bench study …``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hps_bench.options import Output, Results, SettingsFile
from hps_bench.stages import load_settings, report

app = typer.Typer(help="The human study: packets, rating page, ratings.", no_args_is_help=True)

StudyFolder = Annotated[
    Path, typer.Option("--study", help="Folder of the study, results/NAME/study.")
]
Address = Annotated[
    str | None,
    typer.Option("--address", help="Page as browsers reach it, https://…; loopback otherwise."),
]
Project = Annotated[Path, typer.Option(help="Folder of the Potato project.")]
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="TCP port of the page.")]


@app.command()
def assign(settings: SettingsFile, results: Results, output: Output) -> None:
    """Draw prompts and orders, and write the packets of all raters with their key."""
    from hps_bench.study.settings import StudyJob
    from hps_bench.study.stage import assign_study

    report(assign_study(load_settings(StudyJob, settings), results, output))


@app.command()
def links(
    study: StudyFolder,
    address: Address = None,
    port: Port = 8400,
    renew: Annotated[
        list[str] | None, typer.Option(help="RATER whose link ends and who gets a new one.")
    ] = None,
) -> None:
    """Make the personal link of every rater, in links.csv."""
    from hps_bench.study.page.commands import make_links

    report(make_links(study, address, port, renew or []))


@app.command()
def serve(
    study: StudyFolder,
    address: Address = None,
    host: Annotated[str, typer.Option(help="Network address to listen on.")] = "127.0.0.1",
    port: Port = 8400,
) -> None:
    """Serve the rating page until it is stopped."""
    from hps_bench.study.page.commands import serve_study

    serve_study(study, address, host, port)


@app.command()
def export(
    study: StudyFolder,
    output: Annotated[
        Path | None, typer.Option(help="Parquet file; ratings.parquet of the study otherwise.")
    ] = None,
) -> None:
    """Write the ratings that the page has saved, as parquet and CSV."""
    from hps_bench.study.page.commands import export_study

    report(export_study(study, output))


@app.command("export-potato")
def export_potato(study: StudyFolder, project: Project) -> None:
    """Write the study as a Potato project, for teams that host Potato."""
    from hps_bench.study.potato import export_project

    report(export_project(study, project))


@app.command("import-potato")
def import_potato(study: StudyFolder, project: Project) -> None:
    """Read a Potato project's annotations into the study's ratings.parquet."""
    from hps_bench.study.assignment import ASSIGNMENT, read_assignment
    from hps_bench.study.potato import import_project
    from hps_bench.study.ratings import RATINGS_FILE

    report(import_project(read_assignment(study / ASSIGNMENT), project, study / RATINGS_FILE))


@app.command()
def simulate(settings: SettingsFile, study: StudyFolder) -> None:
    """Have simulated raters rate on the real page, over HTTP; all outputs say simulated."""
    from hps_bench.study.settings import StudyJob
    from hps_bench.study.simulation import simulate_study

    report(simulate_study(study, load_settings(StudyJob, settings).settings))


@app.command()
def analyse(
    study: StudyFolder,
    output: Output,
    settings: Annotated[
        Path | None, typer.Option(help="JSON of the intervals' level, resamples and seed.")
    ] = None,
) -> None:
    """Analyse submitted ratings: agreement, tests, win rates, raters; tables into --output."""
    from hps_bench.study.analysis_stage import write_analysis
    from hps_bench.tables.settings import TableSettings

    intervals = load_settings(TableSettings, settings) if settings else TableSettings()
    report(write_analysis(study, intervals, output))
