"""The command line: one command a stage, plus what helps to look at a config.

Commands import their stage when they run, so that ``--help`` and the light stages stay fast.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hps_bench.cell import Cell
from hps_bench.commands import (
    cancelling,
    cards,
    comparing,
    costs,
    drawing,
    evaluation,
    indexing,
    judging,
    reporting,
    study,
    theory,
    trajectory,
)
from hps_bench.options import (
    Beta,
    ConfigFile,
    EngineFile,
    Gpus,
    MethodName,
    Output,
    PromptsFile,
    Responses,
    Results,
    RewardName,
    Seed,
    SettingsFile,
    TrainedOn,
)
from hps_bench.stages import (
    MANIFEST,
    MANIFEST_SUFFIX,
    load_engine,
    load_settings,
    report,
    run_recorded,
)

app = typer.Typer(
    help=__doc__.splitlines()[0], no_args_is_help=True, pretty_exceptions_enable=False
)

app.add_typer(evaluation.app)
app.add_typer(trajectory.app)
app.add_typer(judging.app)
app.add_typer(comparing.app)
app.add_typer(drawing.app)
app.add_typer(cards.app)
app.add_typer(indexing.app)
app.add_typer(reporting.app)
app.add_typer(cancelling.app)
app.add_typer(costs.app)
app.add_typer(study.app, name="study")
app.add_typer(theory.app)


@app.callback()
def options(
    threads: Annotated[
        int | None, typer.Option(help="CPU threads of torch; the machine's default otherwise.")
    ] = None,
) -> None:
    """Run one stage of HPS-Bench, or look at a config."""
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        if torch := sys.modules.get("torch"):  # preloaded, so it has read the variable already
            torch.set_num_threads(threads)


@app.command()
def prompts(settings: SettingsFile, output: Output) -> None:
    """Read a preference data set, split it by prompt, drop duplicates."""
    from hps_bench.prompts.settings import DatasetSettings
    from hps_bench.prompts.stage import build_prompts

    loaded = load_settings(DatasetSettings, settings)
    run_recorded("prompts", loaded, [], output / MANIFEST, lambda: build_prompts(loaded, output))


@app.command()
def tokenizer(
    settings: SettingsFile,
    prompts: Annotated[list[Path], typer.Option(help="Prompts files; repeat for several.")],
    output: Output,
) -> None:
    """Train a tokenizer for models that are trained here."""
    from hps_bench.models.settings import TokenizerSettings
    from hps_bench.models.tokenizer import write_tokenizer

    write_tokenizer(load_settings(TokenizerSettings, settings), prompts, output)


@app.command()
def model(
    settings: SettingsFile,
    prompts: Annotated[list[Path], typer.Option(help="Prompts files; repeat for several.")],
    tokenizer: Annotated[Path, typer.Option(help="Folder of the tokenizer.")],
    output: Output,
    initial: Annotated[
        Path | None, typer.Option(help="Language model that a reward model starts from.")
    ] = None,
) -> None:
    """Train a tiny language or reward model from scratch."""
    from hps_bench.models.settings import TrainedModel
    from hps_bench.models.stage import write_model

    loaded = load_settings(TrainedModel, settings)
    run_recorded(
        "model",
        loaded,
        prompts,
        output / MANIFEST,
        lambda: write_model(loaded, prompts, tokenizer, initial, output),
    )


@app.command()
def responses(
    settings: SettingsFile,
    prompts: PromptsFile,
    split: Annotated[str, typer.Option(help="train, validation or test.")],
    part: Annotated[int, typer.Option(help="Which part of the split, from 0.")],
    parts: Annotated[int, typer.Option(help="Number of parts.")],
    output: Output,
    engine: EngineFile = None,
    gpus: Gpus = 1,
) -> None:
    """Sample responses to one part of a split."""
    from hps_bench.responses.settings import ResponsesSettings
    from hps_bench.responses.stage import write_responses

    loaded = load_settings(ResponsesSettings, settings)
    run_recorded(
        "responses",
        loaded,
        [prompts],
        output.with_suffix(MANIFEST_SUFFIX),
        lambda: write_responses(
            loaded, prompts, split, part, parts, output, load_engine(engine, gpus)
        ),
    )


@app.command()
def rewards(
    settings: SettingsFile,
    prompts: PromptsFile,
    responses: Annotated[Path, typer.Option(help="Responses file of one part.")],
    output: Output,
    engine: EngineFile = None,
    gpus: Gpus = 1,
) -> None:
    """Score one part's responses with a reward model."""
    from hps_bench.rewards.settings import RewardsSettings
    from hps_bench.rewards.stage import write_rewards

    loaded = load_settings(RewardsSettings, settings)
    run_recorded(
        "rewards",
        loaded,
        [prompts, responses],
        output.with_suffix(MANIFEST_SUFFIX),
        lambda: write_rewards(loaded, prompts, responses, output, load_engine(engine, gpus)),
    )


@app.command()
def plan(
    settings: SettingsFile,
    rewards: Annotated[list[Path], typer.Option(help="Reward files; repeat for all parts.")],
    responses: Annotated[int, typer.Option(help="n, responses per prompt.")],
    seed: Annotated[int, typer.Option(help="Decides order and negatives.")],
    output: Output,
) -> None:
    """Draw a training plan."""
    from hps_bench.plan.settings import PlanSettings
    from hps_bench.plan.stage import write_plan

    loaded = load_settings(PlanSettings, settings)
    run_recorded(
        "plan",
        loaded,
        rewards,
        output / MANIFEST,
        lambda: write_plan(loaded, rewards, responses, seed, output),
    )


@app.command()
def reference(
    settings: SettingsFile,
    prompts: PromptsFile,
    responses: Annotated[list[Path], typer.Option(help="Responses files; repeat for all parts.")],
    output: Output,
    plan: Annotated[Path | None, typer.Option(help="Plan to cover; else --split.")] = None,
    split: Annotated[str, typer.Option(help="Split to cover where no plan is given.")] = "test",
    mismatched: Annotated[
        bool, typer.Option("--mismatched", help="Cover mismatched pairs too (KTO).")
    ] = False,
) -> None:
    """Compute reference log-probabilities that are not stored yet."""
    from hps_bench.reference import stage
    from hps_bench.reference.settings import ReferenceSettings

    loaded = load_settings(ReferenceSettings, settings)

    def work() -> Mapping[str, Any]:
        if plan is None:
            return stage.write_evaluation_reference(loaded, prompts, responses, split, output)
        return stage.write_plan_reference(loaded, prompts, responses, plan, mismatched, output)

    plans = [] if plan is None else [plan]
    run_recorded(
        "reference",
        loaded,
        [prompts, *responses, *plans],
        output.with_suffix(MANIFEST_SUFFIX),
        work,
    )


@app.command()
def train(
    settings: SettingsFile,
    plan: Annotated[Path, typer.Option(help="Plan file.")],
    reference: Annotated[Path, typer.Option(help="Reference file of the plan.")],
    reward: RewardName,
    method: MethodName,
    dataset: TrainedOn,
    responses: Responses,
    beta: Beta,
    seed: Seed,
    results: Results,
    execution: Annotated[
        Path | None, typer.Option(help="JSON of token budget and checkpoints.")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes on this machine, one a GPU.")
    ] = 1,
) -> None:
    """Train one policy; goes on from its newest checkpoint."""
    from hps_bench.training.launch import is_launched, launch

    if processes > 1 and not is_launched():
        launch(sys.argv[1:], processes)
        return
    from hps_bench.training.settings import Execution, TrainSettings
    from hps_bench.training.stage import train_policy

    cell = Cell(reward, method, dataset, dataset, responses, beta, seed)
    loaded = load_settings(TrainSettings, settings)
    how = load_settings(Execution, execution) if execution else Execution()
    summary = train_policy(loaded, how, cell, plan, reference, results)
    if summary:
        report(summary)


@app.command()
def table(
    settings: SettingsFile,
    table: Annotated[str, typer.Option(help="table2, table4 to table8, or cost.")],
    results: Results,
    output: Output,
) -> None:
    """Write one table as CSV, LaTeX and HTML."""
    from hps_bench.tables.settings import TableJob
    from hps_bench.tables.stage import write_table

    write_table(table, load_settings(TableJob, settings), results, output)


@app.command()
def tables(config: ConfigFile) -> None:
    """Write all tables from the records that exist; missing cells are shown as missing."""
    from hps_bench.closing import write_all_tables, write_index_so_far
    from hps_bench.config import load_config
    from hps_bench.workflow import Workflow

    suite = Workflow(load_config(config))
    typer.echo(f"{len(suite.config.tables)} tables in {write_all_tables(suite)}")
    typer.echo(f"with all results on one page: {write_index_so_far(suite)}")


@app.command()
def track(
    results: Annotated[Path, typer.Argument(help="Results folder, results/NAME.")],
) -> None:
    """Upload runs and tables that are new to MLflow (MLFLOW_TRACKING_URI, else SQLite)."""
    from hps_bench.tracking.upload import upload

    typer.echo(upload(results, os.environ.get("MLFLOW_TRACKING_URI")))


@app.command()
def ui(
    results: Annotated[Path, typer.Argument(help="Folder of all results.")] = Path("results"),
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 5000,
) -> None:
    """Browse the runs in MLflow's web page, on loopback."""
    from hps_bench.tracking.ui import ready_views, ui_command

    command = ui_command(results, port)
    for line in ready_views(results, port):
        typer.echo(line)
    os.execvp(command[0], command)


@app.command(context_settings={"ignore_unknown_options": True})
def preload(
    command: Annotated[list[str], typer.Argument(help="Command that starts stages.")],
) -> None:
    """Run a command, such as snakemake, whose stages start without importing torch anew."""
    from hps_bench.__main__ import run
    from hps_bench.preload import run_preloaded

    raise typer.Exit(run_preloaded(command, run))


@app.command()
def check(config: ConfigFile) -> None:
    """Check a config and say how many cells its experiments have."""
    from hps_bench.config import load_config
    from hps_bench.grid import cells, grid

    loaded = load_config(config)
    for name in loaded.experiments:
        typer.echo(f"{name}: {len(cells(loaded, name))} cells")
    policies = {cell.policy_path for cell in grid(loaded)}
    typer.echo(f"together: {len(grid(loaded))} cells, {len(policies)} policies to train")


@app.command()
def schema() -> None:
    """Print the JSON schema of configs (workflow/schemas/config.schema.json)."""
    from hps_bench.config import Config

    typer.echo(json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False))


@app.command()
def losses() -> None:
    """List the losses with their needs, settings and sources."""
    from hps_bench.losses.registry import LOSSES

    for loss in LOSSES.values():
        forms = [form for form in ("comparison", "ranking") if getattr(loss, form)]
        settings = " ".join(f"{key}={value:g}" for key, value in loss.settings.items())
        typer.echo(f"{loss.name:16} {'+'.join(forms):20} {settings:40} {loss.source}")
