"""The test sets of a policy's card, each with its metrics beside those of the SFT model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hps_bench.cards.findings import Evaluations, Intervals, Policy
from hps_bench.cards.markdown import Markdown, table
from hps_bench.cell import Cell
from hps_bench.statistics import bleu_signature
from hps_bench.tables.display import number_text
from hps_bench.tables.layout import dataset_title
from hps_bench.tables.metrics import BLEU, Metric


@dataclass(frozen=True)
class Evaluated:
    """A policy on one test set.

    Attributes:
        cell: policy and test set.
        settings: of the evaluation.
        own: metrics of the policy.
        baseline: metrics of the SFT model, where it has them.
    """

    cell: Cell
    settings: Mapping[str, Any]
    own: Intervals
    baseline: Intervals

    @property
    def title(self) -> str:
        """Name of the test set."""
        name = dataset_title(self.cell.evaluated_on)
        return name if self.cell.evaluated_on == self.cell.trained_on else f"{name} (transfer)"

    def metrics(self, level: str) -> Markdown:
        """The metrics as a table; ``level`` is that of the intervals, in per cent."""
        headings = ("Metric", "This policy", f"{level} % interval", "SFT model", "Prompts")
        return table(headings, map(self._row, self.own))

    def _row(self, metric: Metric) -> tuple[object, ...]:
        own, baseline = self.own[metric], self.baseline.get(metric)
        values = (own.mean, own.low, own.high, *([baseline.mean] if baseline else []))
        mean, low, high, *others = (number_text(value, metric.decimals) for value in values)
        title = f"{metric.title} {metric.direction}".strip()
        return title, mean, f"{low} to {high}", *(others or ["–"]), own.prompts


def evaluated(policy: Policy, cells: Sequence[Cell], evaluations: Evaluations) -> list[Evaluated]:
    """Those cells of a policy that have been evaluated since it was trained."""
    return [
        Evaluated(cell, manifest["settings"], evaluations.policy(cell), evaluations.baseline(cell))
        for cell in cells
        if (manifest := policy.evaluation(cell))
    ]


def recipes(found: Sequence[Evaluated]) -> Iterator[tuple[str, str]]:
    """Title of each metric, and how it is computed."""
    samples = {metric: one.settings.get("samples", "N") for one in found for metric in one.own}
    for metric, number in samples.items():
        signature = bleu_signature() if metric == BLEU else ""
        yield metric.title, metric.recipe.format(samples=number, bleu_signature=signature)
