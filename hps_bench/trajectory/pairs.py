"""Human test pairs with their reference log-probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hps_bench.chat import Completion
from hps_bench.errors import UserError
from hps_bench.records import read_rows
from hps_bench.responses.identity import response_id
from hps_bench.schemas import PROMPTS, REFERENCE
from hps_bench.training.data import Scored


@dataclass(frozen=True)
class Pair:
    """The preferred and the dispreferred response to a prompt."""

    prompt_id: str
    chosen: Scored
    rejected: Scored


def load_pairs(prompts: Path, reference: Path, count: int) -> list[Pair]:
    """The first human pairs of a test split by prompt id; ids are hashes, so this is a fair draw.

    Args:
        prompts: prompts file.
        reference: reference file of its test split.
        count: of pairs, at most.

    Raises:
        UserError: there is no test prompt, or the reference does not cover a pair.
    """
    tests = [row for row in read_rows(prompts, PROMPTS) if row["split"] == "test"]
    first = sorted(tests, key=lambda row: str(row["prompt_id"]))[:count]
    if not first:
        raise UserError(f"{prompts}: no test prompt; give the data set a test split")
    scored = _scored(reference, {row["prompt_id"] for row in first})
    keys = [
        (row["prompt_id"], *(response_id(row["prompt_id"], row[s]) for s in ("chosen", "rejected")))
        for row in first
    ]
    try:
        return [Pair(p, scored[p, chosen], scored[p, rejected]) for p, chosen, rejected in keys]
    except KeyError as error:
        raise UserError(
            f"{reference}: a response to prompt {error.args[0][0]} is missing; "
            "run the reference stage for the test split"
        ) from None


def _scored(reference: Path, prompts: set[str]) -> dict[tuple[str, str], Scored]:
    """Responses to these prompts in the reference."""
    return {
        (row["prompt_id"], row["response_id"]): Scored(
            Completion(row["prompt_token_ids"], row["response_token_ids"]), row["logp"]
        )
        for row in read_rows(reference, REFERENCE)
        if row["prompt_id"] in prompts
    }
