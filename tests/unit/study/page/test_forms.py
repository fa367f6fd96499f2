from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hps_bench.study.criteria import SCORES
from hps_bench.study.page.forms import MalformedError, field_names, parse_form, read_task
from tests.unit.hostile.texts import any_text, hostile_text

NAMES = list(field_names(["ra", "rb"]))
EMPTY = {"csrf": "t", "revision": "0", "go": "next", **dict.fromkeys(NAMES, "")}
FIRST = ("ra", "correctness")


def test_a_field_for_every_score() -> None:
    assert NAMES[:5] == [f"ra.{name}" for name in SCORES]
    assert SCORES == ("correctness", "helpfulness", "safety", "clarity", "overall")
    assert len(NAMES) == 10


@pytest.mark.parametrize(
    ("text", "score"),
    [("1", 1.0), ("5", 5.0), ("5.0", 5.0), ("5.00", 5.0), ("4.99", 4.99), ("3,25", 3.25)],
)
def test_numbers_on_the_scale(text: str, score: float) -> None:
    sent = read_task({**EMPTY, "ra.correctness": f" {text} "}, ["ra", "rb"])
    assert sent.scores[FIRST] == score
    assert not sent.wrong


def test_empty_is_no_score_yet() -> None:
    assert set(read_task(EMPTY, ["ra", "rb"]).scores.values()) == {None}


@given(st.decimals(-20, 20, places=3))
def test_the_scale_is_1_to_5_with_two_decimals(number: Decimal) -> None:
    text = f"{number.normalize():f}"
    sent = read_task({**EMPTY, "ra.correctness": text}, ["ra", "rb"])
    on_scale = 1 <= number <= 5 and number == round(number, 2)
    assert (sent.scores.get(FIRST) == float(number)) == on_scale
    assert list(sent.wrong) == ([] if on_scale else ["ra.correctness"])


@given(any_text | hostile_text)
def test_any_text_is_a_score_or_wrong(text: str) -> None:
    sent = read_task({**EMPTY, "ra.correctness": text}, ["ra", "rb"])
    assert ("ra.correctness" in sent.wrong) != (FIRST in sent.scores)


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1, max_size=8))
def test_forms_are_read_as_browsers_write_them(fields: dict[str, str]) -> None:
    assert parse_form(urlencode(fields).encode(), 8) == fields


@given(st.binary(max_size=200))
def test_any_body_is_a_form_or_refused(body: bytes) -> None:
    try:
        fields = parse_form(body, 4)
    except MalformedError:
        return
    assert len(fields) <= 4


def test_no_more_fields_than_allowed() -> None:
    with pytest.raises(MalformedError):
        parse_form(b"a=1&b=2&c=3", 2)
