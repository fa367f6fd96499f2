"""The paper's config, changed where a test wants it, and results that stand at its cells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.paper_comparison.records import FigureKey, measure
from hps_bench.paper_comparison.settings import ComparisonJob
from hps_bench.paper_comparison.values import ComparedFigure, compare_figures
from hps_bench.tables.table import BASELINE, Group, RowKey
from hps_bench.workflow import Workflow
from tests.cli.command import ROOT
from tests.unit.tables.fabricated import HH

PAPER = ROOT / "config" / "paper.yaml"


def suite(**changed: Any) -> Workflow:
    """The paper's preset, where keys are paths joined by ``__``."""
    values: dict[str, Any] = yaml.safe_load(PAPER.read_text())
    values["statistics"] = {"resamples": 200}
    for section in ("figures", "trajectory"):  # They name experiments, which a test may replace.
        del values[section]
    for path, value in changed.items():
        *parents, last = path.replace("_dash_", "-").split("__")
        place = values
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
    return Workflow(Config.model_validate(values))


def experiment(**axes: Any) -> dict[str, Any]:
    """One experiment, DPO on HH-RLHF at n = 100, no tables and no human study."""
    axes = {
        "rewards": ["dpo"],
        "methods": ["pl", "bt", "hps"],
        "datasets": [HH],
        "responses": [100],
        "seeds": [0, 1, 2],
        **axes,
    }
    return {"experiments": {"only": axes}, "tables": {}, "study": None}


def compared(job: ComparisonJob, results: Path) -> dict[FigureKey, ComparedFigure]:
    """Verdicts by what figures are about."""
    figures = compare_figures(job.places, measure(job, results))
    return {(of.figure.column, of.figure.key, of.figure.group): of for of in figures}


def at(
    found: Mapping[FigureKey, ComparedFigure],
    column: str,
    policy: str = "dpo-hps",
    evaluated_on: str = HH,
    **axes: Any,
) -> ComparedFigure:
    """One figure of fine-tuning."""
    if policy == "sft":
        return found[column, BASELINE, Group("", evaluated_on)]
    reward, method = policy.split("-")
    key = RowKey(reward, method, **{"responses": 100, "beta": 0.1, **axes})
    return found[column, key, Group(evaluated_on, evaluated_on)]


def policies(of: Workflow, policy: str) -> list[Cell]:
    """Cells of a policy, one per seed, evaluated where it was trained."""
    return [
        cell for cell in of.grid if cell.policy == policy and cell.evaluated_on == cell.trained_on
    ]
