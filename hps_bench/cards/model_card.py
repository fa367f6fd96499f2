"""The model card of a policy: what it is, how to load it, how it was made and measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hps_bench.cards.base import Base, find_base
from hps_bench.cards.evaluated import Evaluated, recipes
from hps_bench.cards.findings import Policy, recorded_digest, without_seed
from hps_bench.cards.markdown import Markdown, card_templates, code_span, link, table
from hps_bench.cards.metadata import model_metadata
from hps_bench.cards.origins import origin_of
from hps_bench.cards.provenance import digests, provenance
from hps_bench.cards.settings import CardsJob
from hps_bench.engine.settings import LORA_RANKS
from hps_bench.losses.registry import LOSSES
from hps_bench.models.settings import ModelSource
from hps_bench.tables.cost import TrainingCost
from hps_bench.tables.display import number_text
from hps_bench.tables.layout import dataset_title, policy_title

_COMPARISONS = {
    "bt": "the best response against the worst",
    "pl": "every response against all that are ranked below it",
    "hps": "the best response against hard negatives, which are drawn by their estimated reward",
}
"""What methods compare, by their kind."""

_LONGEST_RESPONSE = 256
"""Tokens of the example's response where no evaluation says how many."""

_BYTES_PER_GB = 10**9
_JOULES_PER_KWH = 3_600_000


def model_card(policy: Policy, found: Sequence[Evaluated], job: CardsJob) -> str:
    """Model card of a policy, with the metadata that the Hugging Face hub reads.

    Args:
        policy: a policy whose training has ended.
        found: what it was evaluated on.
        job: the grid.

    Raises:
        UserError: a record of the policy is missing or damaged.
    """
    base = find_base(ModelSource.model_validate(policy.settings["model"]), policy.folder)
    metadata = model_metadata(policy, base, found, job)
    text = (
        card_templates()
        .get_template("model.md")
        .render(
            **_opening(policy, job),
            **_loading(policy, base, found),
            **_evaluation(policy, found, job),
            **_training(policy, job),
            digests=_digests(policy),
            made_by=provenance(policy.manifest),
        )
    )
    return f"---\n{metadata.to_yaml()}\n---\n\n{text}"


def _opening(policy: Policy, job: CardsJob) -> dict[str, Any]:
    cell, trained_on = policy.cell, job.datasets[policy.cell.trained_on]
    loss = LOSSES.get(cell.reward)
    return {
        "title": f"{policy_title(cell.reward, cell.method)} on {dataset_title(cell.trained_on)}",
        "cell": cell,
        "beta": f"{cell.beta:g}",
        "loss_source": loss.source if loss else None,
        "comparisons": _COMPARISONS.get(policy.plan.get("method", {}).get("kind", "")),
        "data_card": link("data card", policy.path_to(policy.data_card)),
        "other_seeds": _other_seeds(policy, job),
        "is_toy": trained_on.format == "toy",
        "origin": origin_of(trained_on),
    }


def _loading(policy: Policy, base: Base, found: Sequence[Evaluated]) -> dict[str, Any]:
    lora = policy.settings["optimiser"]["lora"]
    tokens = (one.settings["sampling"]["max_tokens"] for one in found)
    return {
        "base": base,
        "lora": lora,
        "served_rank": next((r for r in LORA_RANKS if lora and r >= lora["rank"]), None),
        "longest": max(tokens, default=_LONGEST_RESPONSE),
    }


def _training(policy: Policy, job: CardsJob) -> dict[str, Any]:
    summary = policy.summary
    return {
        "generator": job.generator.path,
        "annotator": job.annotator.path,
        "steps": summary["steps"],
        "losses": [number_text(summary[name], 4) for name in ("first_loss", "last_loss")],
        "settings": table(
            ("Setting", "Value"), _flattened({**policy.settings, "plan": policy.plan})
        ),
        "cost": _cost(policy.cost),
    }


def _digests(policy: Policy) -> Markdown:
    weights, prompts = policy.folder / policy.weights, policy.prompts
    of_prompts = {str(prompts): recorded_digest(prompts)} if prompts.is_file() else {}
    return digests(
        {weights.name: recorded_digest(weights), **policy.manifest["inputs"], **of_prompts}
    )


def _evaluation(policy: Policy, found: Sequence[Evaluated], job: CardsJob) -> dict[str, Any]:
    evaluated = {one.cell for one in found}
    of_policy = [cell for cell in job.cells if cell.policy_path == policy.cell.policy_path]
    return {
        "evaluated": found,
        "recipes": list(recipes(found)),
        "level": f"{100 * job.statistics.level:g}",
        "resamples": job.statistics.resamples,
        "not_evaluated": [
            dataset_title(cell.evaluated_on) for cell in of_policy if cell not in evaluated
        ],
    }


def _other_seeds(policy: Policy, job: CardsJob) -> Markdown:
    """Links to the cards of policies that differ in their seed alone."""
    same = without_seed(policy.cell)
    others = {c.seed: Policy(policy.results, c) for c in job.cells if without_seed(c) == same}
    del others[policy.cell.seed]
    links = (link(str(seed), policy.path_to(others[seed].card)) for seed in sorted(others))
    return Markdown(", ".join(links))


def _flattened(
    settings: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[Markdown, Markdown]]:
    """Settings by their dotted keys, as JSON but for text."""
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from _flattened(value, f"{name}.")
        else:
            shown = value if isinstance(value, str) else json.dumps(value)
            yield code_span(name), code_span(shown)


def _cost(cost: TrainingCost) -> Markdown:
    amounts = {
        "device × processes": f"{cost.device} × {cost.processes}",
        "attempts": cost.attempts,
        "wall time, s": number_text(cost.wall_seconds, None),
        "device time, s": number_text(cost.device_seconds, None),
        "tokens of prompts and responses": f"{cost.tokens:,}",
        "pairs in the loss": f"{cost.pairs:,}",
        "FLOP": number_text(cost.flops, None),
        "peak memory, GB": number_text(cost.peak_memory_bytes / _BYTES_PER_GB, None),
    }
    if cost.energy_joules is not None:
        amounts["energy, kWh"] = number_text(cost.energy_joules / _JOULES_PER_KWH, None)
    return table(("All attempts together", ""), amounts.items())
