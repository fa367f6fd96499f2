"""Rows of PKU-SafeRLHF (Ji et al., 2024, arXiv:2406.15513): a prompt and two responses."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from hps_bench.prompts.pair import HumanPair, Message
from hps_bench.prompts.rows import MalformedRow, Row, human_pair, text_field


def parse(row: Row, preference: Literal["better", "safer"]) -> HumanPair:
    """Take ``response_0`` or ``response_1`` as chosen, as one of the two labels says.

    ``better`` reads ``better_response_id`` (helpfulness), ``safer`` reads ``safer_response_id``
    (harmlessness). White space around texts is dropped. The pair is harmful where
    ``is_response_0_safe`` or ``is_response_1_safe`` is false.

    Raises:
        MalformedRow: a column is missing or of another kind, a text is empty, or the responses
            are equal.
    """
    prompt = Message("user", text_field(row, "prompt").strip())
    responses = [text_field(row, f"response_{index}").strip() for index in (0, 1)]
    chosen = _label(row, f"{preference}_response_id")
    pair = human_pair([prompt], responses[chosen], responses[1 - chosen])
    return replace(pair, harmful=_is_harmful(row))


def _is_harmful(row: Row) -> bool | None:
    """Whether a response is labelled as unsafe; None unless both have a label."""
    safe = [row.get(f"is_response_{index}_safe") for index in (0, 1)]
    return not all(safe) if all(isinstance(label, bool) for label in safe) else None


def _label(row: Row, name: str) -> int:
    if name not in row:
        raise MalformedRow(f"column {name!r} is missing")
    value = row[name]
    if type(value) is not int or value not in (0, 1):
        raise MalformedRow(f"column {name!r} is neither 0 nor 1")
    return value
