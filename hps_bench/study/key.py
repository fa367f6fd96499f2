"""The key: which policy wrote which response. The rating page never reads it."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from hps_bench.errors import UserError
from hps_bench.records import atomic_path, read_json
from hps_bench.settings import Settings
from hps_bench.validation import explain

KEY = "key.json"
OWNER_ONLY = 0o600


class Author(Settings):
    """Where a response comes from, and what is known of it.

    Attributes:
        policy: for example ``sft`` or ``dpo-hps``.
        item: under which the rater sees it.
        dataset: of the prompt.
        prompt_id: in that data set.
        sample_index: which of the policy's samples it is.
        stratum: of the prompt, by which prompts were drawn.
        reward: of the evaluation reward model.
        true_reward: where a true reward is known.
        harmful: 1 or 0 where that is known of the response.
    """

    policy: str
    item: str
    dataset: str
    prompt_id: str
    sample_index: int
    stratum: str
    reward: float
    true_reward: float | None
    harmful: float | None


class Key(Settings):
    """Authors of all responses but those of attention checks.

    Attributes:
        study: name of the study.
        digest: of the assignment that it belongs to.
        policies: rated policies, in the order of the table.
        responses: authors by response id.
    """

    study: str
    digest: str
    policies: list[str]
    responses: dict[str, Author]


def write_key(path: Path, key: Key) -> None:
    """Write ``key.json``, which only its owner may read."""
    text = json.dumps(key.model_dump(), indent=2, sort_keys=True, ensure_ascii=False)
    with atomic_path(path, OWNER_ONLY) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_key(path: Path, digest: str) -> Key:
    """Read ``key.json``.

    Args:
        path: of the file.
        digest: of the assignment in use.

    Raises:
        UserError: the file is missing, malformed, or belongs to another assignment.
    """
    try:
        key = Key.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(f"{path}: no key of a study ({explain(error, Key)})") from None
    if key.digest != digest:
        raise UserError(
            f"{path}: belongs to assignment {key.digest[:12]}, not {digest[:12]}; take the two "
            "files of one study"
        )
    return key
