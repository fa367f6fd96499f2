"""Which test prompts are rated: drawn from a seed, in proportion to their strata."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

UNLABELLED = "unlabelled"
HARMFUL, HARMLESS = "harmful", "harmless"

_SUBSET = re.compile(r"\b(harmless|helpful|red-team)(?=-)")
"""Folders of HH-RLHF's subsets, such as ``harmless-base``, in the location of a row."""


def stratum(pair: Mapping[str, Any], harm_labels: Sequence[float | None]) -> str:
    """Harm stratum of a prompt.

    Args:
        pair: its row of schema ``PROMPTS``.
        harm_labels: ``harmful`` of responses to it; null where the prompt asks for no harm, or
            where nothing is known.

    Returns:
        What the labels of its human pair say; else ``harmful`` where responses carry harm labels,
        which only those to harmful prompts do; else HH-RLHF's subset where the row's file names
        one; else ``unlabelled``.
    """
    if pair["harmful"] is not None:
        return HARMFUL if pair["harmful"] else HARMLESS
    if any(label is not None for label in harm_labels):
        return HARMFUL
    found = _SUBSET.search(pair["location"])
    return found[1] if found else UNLABELLED


def draw_prompts(
    strata: Mapping[str, str], count: int, generator: np.random.Generator
) -> list[str]:
    """Draw prompts without replacement, from each stratum in proportion to its size.

    Args:
        strata: stratum of each prompt id; at least ``count`` prompts.
        count: how many to draw.
        generator: decides which.

    Returns:
        Prompt ids, stratum by stratum.
    """
    members: dict[str, list[str]] = {}
    for prompt_id in sorted(strata):
        members.setdefault(strata[prompt_id], []).append(prompt_id)
    shares = allocate({name: len(ids) for name, ids in members.items()}, count)
    return [
        ids[place]
        for name, ids in sorted(members.items())
        for place in generator.permutation(len(ids))[: shares[name]]
    ]


def allocate(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Share ``count`` among strata in proportion to their sizes, by largest remainder.

    Of equal remainders the stratum that comes first by name wins. No stratum gets more than it
    has, as ``count`` is at most the sum of all sizes.
    """
    total = sum(sizes.values())
    quotas = {name: Fraction(count * size, total) for name, size in sizes.items()}
    shares = {name: int(quota) for name, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda name: (shares[name] - quotas[name], name))
    for name in by_remainder[: count - sum(shares.values())]:
        shares[name] += 1
    return shares
