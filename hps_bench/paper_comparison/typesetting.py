"""Sheets as HTML pages and as LaTeX fragments."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from hps_bench.paper_comparison.sheets import Block, Sheet
from hps_bench.safe_text import visible_text
from hps_bench.tables.escape import Latex, latex_text
from hps_bench.tables.latex_templates import latex_environment
from hps_bench.tables.pages import page_environment

_PACKAGE = "hps_bench.paper_comparison"
_HYPHEN_MINUS = re.compile(r"(?<![\w-])-(?=\d)")
_SUBSCRIPT = re.compile(r"RM(?:\\?)_(R-DPO|DPO)")


def html_page(sheet: Sheet) -> str:
    """The sheet as one page that needs no other file."""
    template = page_environment(_PACKAGE).get_template("sheet.html")
    return template.render(sheet=sheet, text=_html)


def latex_fragment(sheet: Sheet) -> str:
    r"""The sheet for ``\input`` into a document that uses booktabs and array."""
    template = latex_environment(_PACKAGE).get_template("sheet.tex")
    return template.render(sheet=sheet, text=_latex, columns=_columns)


def _html(text: str) -> Markup:
    escaped = str(escape(visible_text(_with_minus(text))))
    return Markup(_SUBSCRIPT.sub(r"RM<sub>\1</sub>", escaped))


def _latex(text: str) -> Latex:
    return Latex(_SUBSCRIPT.sub(r"RM\\textsubscript{\1}", latex_text(_with_minus(text))))


def _with_minus(text: str) -> str:
    """Numbers with a minus sign in place of the hyphen."""
    return _HYPHEN_MINUS.sub("−", text)


def _columns(block: Block) -> Latex:
    raggedright = r">{\raggedright\arraybackslash}"
    return Latex(
        "".join(rf"{raggedright}p{{{heading.width:.3f}\linewidth}}" for heading in block.headings)
    )
