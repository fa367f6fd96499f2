from typing import Any, Literal

import pytest

from hps_bench.prompts.pair import HumanPair, Message
from hps_bench.prompts.pku_saferlhf import parse
from hps_bench.prompts.rows import MalformedRow

ROW = {
    "prompt": " How do I pick a lock? ",
    "response_0": "With a pick.\n",
    "response_1": "Call a locksmith.",
    "better_response_id": 0,
    "safer_response_id": 1,
}


@pytest.mark.parametrize(
    ("preference", "chosen", "rejected"),
    [
        ("better", "With a pick.", "Call a locksmith."),
        ("safer", "Call a locksmith.", "With a pick."),
    ],
)
def test_the_label_picks_the_chosen_response(
    preference: Literal["better", "safer"], chosen: str, rejected: str
) -> None:
    prompt = (Message("user", "How do I pick a lock?"),)
    assert parse(ROW, preference) == HumanPair(prompt, chosen, rejected)


@pytest.mark.parametrize(
    ("labels", "harmful"),
    [((True, True), False), ((True, False), True), ((False, False), True), ((True,), None)],
)
def test_a_pair_is_harmful_where_a_response_is_labelled_unsafe(
    labels: tuple[bool, ...], harmful: bool | None
) -> None:
    safe = {f"is_response_{index}_safe": label for index, label in enumerate(labels)}
    assert parse({**ROW, **safe}, "better").harmful is harmful


@pytest.mark.parametrize("label", [2, -1, None, True, 0.0, "1"])
def test_a_label_is_0_or_1(label: Any) -> None:
    with pytest.raises(MalformedRow, match="'better_response_id' is neither 0 nor 1"):
        parse({**ROW, "better_response_id": label}, "better")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"prompt": " \n"}, "a turn of the prompt is empty"),
        ({"response_0": ""}, "the chosen response is empty"),
        ({"response_1": ""}, "the rejected response is empty"),
        ({"response_0": "Call a locksmith. "}, "the two responses are equal"),
        ({"response_1": None}, "column 'response_1' is not text"),
    ],
)
def test_malformed_rows_are_named(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedRow) as caught:
        parse({**ROW, **change}, "better")
    assert str(caught.value) == reason


@pytest.mark.parametrize("column", ["prompt", "response_0", "response_1", "better_response_id"])
def test_columns_are_needed(column: str) -> None:
    row = {name: value for name, value in ROW.items() if name != column}
    with pytest.raises(MalformedRow, match=f"column '{column}' is missing"):
        parse(row, "better")


def test_the_other_label_is_not_needed() -> None:
    row = {name: value for name, value in ROW.items() if name != "safer_response_id"}
    assert parse(row, "better").chosen == "With a pick."
