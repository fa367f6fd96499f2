"""Tables, the audit and the typeset document show hostile text as text, and do nothing else."""

import csv
import io
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from hps_bench.judge.audit import write_audit
from hps_bench.safe_text import visible_text
from hps_bench.tables.build import build_table
from hps_bench.tables.escape import latex_text, spreadsheet_text
from hps_bench.tables.html import html_page
from hps_bench.tables.latex import latex_fragment
from hps_bench.tables.long_form import csv_text
from hps_bench.tables.table import Table
from tests.unit.hostile.texts import HOSTILE, hostile_text
from tests.unit.judge.fabricated import judgement
from tests.unit.tables.fabricated import cell, job, judged, write_judgements
from tests.unit.tables.typeset import DOCUMENT, needs_latex

Element = str | tuple[str, list[tuple[str, str | None]]]

CANARY = "SWALLOWEDFILE"
DRAWN = "–—‘’“”…·×±−≠≤≥→↑↓αβγδλπρ‖"
"""Characters that LaTeX draws with glyphs of its own, so that reading them back may differ."""


def table_with(text: str) -> Table:
    """A table whose labels, headings, title and notes are a text."""
    table = _table()
    rows = tuple(
        replace(row, labels=(text,) * len(row.labels), key=replace(row.key, reward=text))
        for row in table.rows
    )
    layout = replace(table.layout, title=text)
    headings = (text,) * len(table.headings)
    return replace(table, layout=layout, headings=headings, rows=rows, notes=(text, text))


@cache
def _table() -> Table:
    return build_table("table6", job(cell("dpo-bt"), cell()), Path("no results"))


class Page(HTMLParser):
    """Elements with their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.elements.append(tag)

    def handle_comment(self, data: str) -> None:
        self.elements.append(f"comment {data}")

    def handle_data(self, data: str) -> None:
        self.text += data


@given(hostile_text)
@settings(max_examples=60)
def test_a_page_has_the_elements_of_its_template_alone(text: str) -> None:
    assume(text)  # no name is empty
    found, plain = Page(html_page(table_with(text))), Page(html_page(table_with("plain")))
    assert found.elements == [_with_text(element, visible_text(text)) for element in plain.elements]
    assert found.text == plain.text.replace("plain", visible_text(text))


def _with_text(element: Element, text: str) -> Element:
    """An element of a page of plain texts, as it is with another text in its attributes."""
    if isinstance(element, str):
        return element
    tag, attributes = element
    return tag, [(name, value and value.replace("plain", text)) for name, value in attributes]


@given(hostile_text)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_audit_has_the_elements_of_its_template_alone(tmp_path: Path, text: str) -> None:
    pages = []
    # A surrogate cannot come from a file of judgements.
    label = text.encode(errors="ignore").decode() + "z"
    for name in (label, "zz"):
        write_audit([judgement("a", "p", 2.0), judgement(name, "p", 1.0)], tmp_path)
        pages.append(Page((tmp_path / "audit.html").read_text(encoding="utf-8")))
    assert sorted(map(str, pages[0].elements)) == sorted(map(str, pages[1].elements))
    assert visible_text(label) in pages[0].text


def test_pages_may_load_and_run_nothing() -> None:
    policy = ("meta", [("http-equiv", "Content-Security-Policy")])
    (found,) = [
        dict(element[1])["content"]
        for element in Page(html_page(_table())).elements
        if isinstance(element, tuple) and element[1][:1] == policy[1]
    ]
    assert found == "default-src 'none'; style-src 'unsafe-inline'"


@given(hostile_text)
def test_a_cell_of_a_spreadsheet_is_one_text(text: str) -> None:
    cell_text = spreadsheet_text(text)
    assert not cell_text.startswith(("\t", "\r", "\n"))
    assert cell_text.lstrip()[:1] not in {*"=+-@＝＋－＠"} - {""}
    assert cell_text.removeprefix("'").replace("\t", " ") in (
        visible_text(text),
        visible_text(text).removeprefix("'"),
    )


@given(hostile_text)
@settings(max_examples=60)
def test_lines_and_columns_of_a_csv_file_stay(text: str) -> None:
    plain = list(csv.reader(io.StringIO(csv_text(table_with("plain")), newline="")))
    found = list(csv.reader(io.StringIO(csv_text(table_with(text)), newline="")))
    expected = [[spreadsheet_text(text) if x == "plain" else x for x in line] for line in plain]
    assert found == expected


def read_back(folder: Path, document: str) -> list[str]:
    """Letters and digits of each page, compiled with shell escape off, as TeX has it."""
    (folder / "canary.txt").write_text(CANARY)
    (folder / "document.tex").write_text(document, encoding="utf-8")
    before = {path.name for path in folder.iterdir()}
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "document.tex"]
    run = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert run.returncode == 0, run.stdout[-2000:]
    made = {path.name for path in folder.iterdir()} - before
    assert made <= {"document.aux", "document.log", "document.pdf"}
    read = ["pdftotext", "document.pdf", "-"]
    text = subprocess.run(read, cwd=folder, capture_output=True, check=True).stdout.decode()
    return [letters(page) for page in text.split("\f")[:-1]]


def letters(text: str) -> str:
    """ASCII letters and digits; ligatures are taken apart."""
    return re.sub("[^A-Za-z0-9]", "", unicodedata.normalize("NFKC", text))


def typeset(text: str) -> str:
    """Letters and digits that should stand in the typeset text."""
    spelt = (c if c.isascii() and c.isprintable() else _code_point(c) for c in text)
    return letters("".join(spelt))


def _code_point(character: str) -> str:
    return " " if character.isspace() else f"U+{ord(character):04X}"


def pages_of(texts: Sequence[str]) -> str:
    """A document with one wide page for each text."""
    pages = "\n".join(rf"\noindent\mbox{{M{latex_text(text)}}}\newpage" for text in texts)
    size = r"\pdfpagewidth=190in\setlength{\textwidth}{180in}\pagestyle{empty}"
    return rf"\documentclass{{article}}{size}\begin{{document}}{pages}\end{{document}}"


undrawn = hostile_text.map(lambda text: text.translate(dict.fromkeys(map(ord, DRAWN))))


@needs_latex
@given(st.lists(undrawn, min_size=20, max_size=40))
@settings(
    max_examples=6,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller example takes many pages
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_typeset_text_says_what_it_said(tmp_path: Path, texts: list[str]) -> None:
    found = read_back(tmp_path, pages_of(texts))
    assert found == [f"M{typeset(text)}" for text in texts]
    assert not any(CANARY in page for page in found)


@needs_latex
def test_every_hostile_text_is_typeset(tmp_path: Path) -> None:
    found = read_back(tmp_path, pages_of([*HOSTILE, DRAWN]))
    assert found[:-1] == [f"M{typeset(text)}" for text in HOSTILE]


@needs_latex
def test_doubled_characters_are_not_joined(tmp_path: Path) -> None:
    r"""TeX would draw ``--`` as an en dash, ``?`` and backtick as ¿, two apostrophes as ”."""
    read_back(tmp_path, pages_of(["a--b---c", "?`!`", "''"]))
    command = ["pdftotext", "document.pdf", "-"]
    drawn = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout.decode()
    assert drawn.split() == ["Ma--b---c", "M?‘!‘", "M’’"]


@needs_latex
def test_a_judge_with_a_vast_or_hostile_name_is_a_note(tmp_path: Path) -> None:
    """TeX reads no line of a megabyte."""
    name = "".join(HOSTILE) + "x" * 10**6
    scores = {cell().policy_path: [2.0] * 4, "sft": [1.0] * 4}
    write_judgements(tmp_path, "hh-rlhf", judged(scores), judge=name.replace("\x00", ""))
    table = build_table("table4", job(cell()), tmp_path)
    (tmp_path / "fragment.tex").write_text(latex_fragment(table), encoding="utf-8")
    shutil.rmtree(tmp_path / "judge")
    (page,) = read_back(tmp_path, DOCUMENT)
    assert "inputcanarytxt" in page
    assert "whichseesoneresponseatatime" in page
    assert CANARY not in page
