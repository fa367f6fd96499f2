"""Which cells of a config stand where the paper has a figure, and what sets them apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.paper import (
    DATASETS,
    baseline_differences,
    differences,
    judge_differences,
    study_differences,
)
from hps_bench.paper_comparison.settings import ComparisonJob, Place
from hps_bench.paper_comparison.titles import TABLES
from hps_bench.study.planning import is_simulated, study_cells
from hps_bench.tables.published import published_figures
from hps_bench.tables.table import ALL_SETS, BASELINE, Group, RowKey

HOURS = "the paper names neither data set nor n for its hours"


def comparison_job(
    config: Config, grid: Collection[Cell], judged: Collection[Cell]
) -> ComparisonJob:
    """What the stage compares.

    Args:
        config: the config.
        grid: all of its cells.
        judged: those whose samples are judged.
    """
    figures = (figure for table in TABLES for figure in published_figures(table))
    places = dict.fromkeys((figure.key, figure.group) for figure in figures)
    return ComparisonJob(
        places=[
            Place(
                key=key,
                group=group,
                cells=_planned(config, key, group, judged if key.opponent else grid),
                incomparable=_joined(_reasons(config, key, group)),
            )
            for key, group in places
        ],
        judge_incomparable=_joined(judge_differences(config)),
        statistics=config.statistics,
    )


def comparison_files(job: ComparisonJob) -> list[str]:
    """Records that the stage reads beside those of the study, relative to the results."""
    places = [place for place in job.measured if place.group != ALL_SETS]
    sets = dict.fromkeys(place.group.evaluated_on for place in places if place.key.opponent)
    evaluated = (place.evaluation_paths for place in places if not place.key.opponent)
    return [
        *(f"evaluations/{path}/records.parquet" for path in dict.fromkeys(chain(*evaluated))),
        *(f"judge/{name}/{file}" for name in sets for file in ("scores.parquet", "summary.json")),
    ]


def _planned(config: Config, key: RowKey, group: Group, planned: Collection[Cell]) -> list[Cell]:
    if group != ALL_SETS:
        return list(_cells(key, group, planned))
    if is_simulated(config):
        return []
    return [cell for cell in study_cells(config) if key in (BASELINE, _row(cell))]


def _cells(key: RowKey, group: Group, planned: Collection[Cell]) -> Iterator[Cell]:
    """Cells of a row, in order; for the SFT model, one that is evaluated on the same data."""
    if key == BASELINE:
        yield from [cell for cell in planned if cell.evaluated_on == group.evaluated_on][:1]
        return
    for cell in planned:
        counterpart = replace(cell, method=key.opponent or cell.method)
        has_opponent = key.opponent in ("", BASELINE.method) or counterpart in planned
        if _row(cell) == replace(key, opponent="") and _group(cell) == group and has_opponent:
            yield cell


def _row(cell: Cell) -> RowKey:
    return RowKey(cell.reward, cell.method, cell.responses, cell.beta)


def _group(cell: Cell) -> Group:
    return Group(cell.trained_on, cell.evaluated_on)


def _reasons(config: Config, key: RowKey, group: Group) -> Iterator[str]:
    for evaluated_on in [group.evaluated_on] if group.evaluated_on else DATASETS:
        if key == BASELINE:
            yield from baseline_differences(config, evaluated_on)
        else:
            yield from differences(config, _example(key, group, evaluated_on))
    if not key.reward:
        yield HOURS
    elif group == ALL_SETS:
        yield from study_differences(config)


def _example(key: RowKey, group: Group, evaluated_on: str) -> Cell:
    """A cell of a row, planned or not; what the paper leaves open does not matter here."""
    trained_on = group.trained_on or evaluated_on
    responses, beta = key.responses or 100, key.beta or 0.1
    reward = key.reward or "dpo"
    return Cell(reward, key.method, trained_on, evaluated_on, responses, beta, seed=0)


def _joined(reasons: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(reasons))
