"""Text in Markdown stays text, as markdown-it (CommonMark with tables) reads it."""

import ast
import shlex

from hypothesis import given

from hps_bench.cards.markdown import Markdown, card_templates, code_span, link, markdown_text, table
from hps_bench.safe_text import visible_text
from tests.unit.cards.reading import read
from tests.unit.hostile.texts import hostile_text


@given(hostile_text)
def test_text_in_a_line_is_shown_as_it_is(text: str) -> None:
    page, plain = read(f"before {markdown_text(text)} after\n"), read("before plain after\n")
    assert page.elements == plain.elements
    assert page.text == f"before {visible_text(text)} after"


@given(hostile_text)
def test_code_is_shown_as_it_is(text: str) -> None:
    page, plain = read(f"before {code_span(text)} after\n"), read("before plain after\n")
    assert page.elements == plain.elements
    assert page.text == f"before {visible_text(text)} after"


@given(hostile_text)
def test_a_table_keeps_its_rows_and_columns(text: str) -> None:
    plain = read(table(("a", "b"), [("plain", 1), (Markdown("`x`"), "plain")]))
    found = read(table(("a", "b"), [(text, 1), (Markdown("`x`"), text)]))
    assert found.elements == plain.elements
    shown = plain.text.replace("plain", visible_text(text))
    assert "".join(found.text.split()) == "".join(shown.split())  # cells lose outer spaces


def test_text_that_is_markdown_already_is_not_escaped_again() -> None:
    escaped = markdown_text("a*b")
    assert escaped == r"a\*b"
    assert markdown_text(escaped) == escaped


def test_code_that_no_span_can_hold_is_escaped_text() -> None:
    assert code_span("a_b") == "`a_b`"
    assert code_span("a`b|c") == r"a\`b\|c"
    assert code_span("") == ""


def test_links_lead_to_files_whatever_they_are_called() -> None:
    assert read(link("card", "a b)/<c>.md")).links == ["a%20b%29/%3Cc%3E.md"]


@given(hostile_text)
def test_literals_of_code_blocks_are_one_line_and_mean_the_text(text: str) -> None:
    filters = card_templates().filters
    python, shell = filters["python"](text), filters["shell"](text)
    assert not {"\n", "\r"} & set(python + shell)
    assert ast.literal_eval(python) == visible_text(text)
    assert shlex.split(shell) == [visible_text(text)]
