"""The command that simulates the paper's theorems."""

from __future__ import annotations

import typer

from hps_bench.options import Output, SettingsFile
from hps_bench.stages import MANIFEST, load_settings, run_recorded

app = typer.Typer()


@app.command()
def theory(settings: SettingsFile, output: Output) -> None:
    """Simulate the paper's theorems: estimators of a known reward, on the CPU."""
    from hps_bench.theory.settings import TheorySettings
    from hps_bench.theory.stage import write_theory

    loaded = load_settings(TheorySettings, settings)
    run_recorded("theory", loaded, [], output / MANIFEST, lambda: write_theory(loaded, output))
