"""What the Hugging Face hub reads at the head of a card.

The hub refuses a card whose ``base_model`` or ``datasets`` is a local path, so these hold hub ids
or nothing. A licence is never claimed for a policy: those of its base model and data decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from huggingface_hub import EvalResult, ModelCardData

from hps_bench.cards.base import Base
from hps_bench.cards.evaluated import Evaluated
from hps_bench.cards.findings import Policy
from hps_bench.cards.origins import hub_id, origin_of
from hps_bench.cards.settings import CardsJob
from hps_bench.prompts.settings import HubSource
from hps_bench.tables.layout import dataset_title

_DIGITS = 6
"""Significant digits of a value; bounds are wider than what comes after them."""


def model_metadata(
    policy: Policy, base: Base, found: Sequence[Evaluated], job: CardsJob
) -> ModelCardData:
    """Metadata of a policy, with its results as a model index."""
    cell, is_adapter = policy.cell, policy.is_adapter
    trained_on = job.datasets[cell.trained_on]
    origin, hub = origin_of(trained_on), hub_id(trained_on)
    results = [result for one in found for result in _results(one, job)]
    kind = "lora" if is_adapter else "full-fine-tuning"
    return ModelCardData(
        base_model=base.hub,
        base_model_relation=("adapter" if is_adapter else "finetune") if base.hub else None,
        library_name="peft" if is_adapter else "transformers",
        pipeline_tag="text-generation",
        tags=["hps-bench", "preference-optimization", cell.reward, cell.method, kind],
        datasets=[hub] if hub else None,
        language=origin.language if origin else None,
        model_name=cell.policy_path.replace("/", "-") if results else None,
        eval_results=results or None,
    )


def _results(one: Evaluated, job: CardsJob) -> Iterator[EvalResult]:
    name = one.cell.evaluated_on
    settings = job.datasets[name]
    source = settings.source
    for metric, interval in one.own.items():
        bounds = [_rounded(interval.low), _rounded(interval.high)]
        yield EvalResult(
            task_type="text-generation",
            dataset_type=hub_id(settings) or name,
            dataset_name=dataset_title(name),
            dataset_config=name,
            dataset_split="test",
            dataset_revision=source.revision if isinstance(source, HubSource) else None,
            metric_type=metric.name,
            metric_name=metric.title,
            metric_value=_rounded(interval.mean),
            metric_args={
                "interval": bounds,
                "level": job.statistics.level,
                "prompts": interval.prompts,
            },
        )


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
