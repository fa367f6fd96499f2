"""Text from configs and data, made harmless for LaTeX, HTML and spreadsheets."""

from __future__ import annotations

import re

from hps_bench.safe_text import shortened, visible_text

_FORMULA_STARTS = frozenset("=+-@＝＋－＠")

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': "''",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\ldots{}",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "−": "$-$",
    "≠": r"$\neq$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "δ": r"$\delta$",
    "λ": r"$\lambda$",
    "π": r"$\pi$",
    "ρ": r"$\rho$",
    "‖": r"$\|$",
    "\N{NO-BREAK SPACE}": "~",
    "`": "{`}",
}

_LONG_WORD = 12
_LONGEST_PART = 20
_AFTER_PUNCTUATION = re.compile(r"[^/_.=:,|-]+[/_.=:,|-]?|[/_.=:,|-]")

_LIGATURES = frozenset("-',")
"""What pdfLaTeX draws as something else where it stands twice."""


class Latex(str):
    """Text that is LaTeX already."""

    __slots__ = ()


def latex_text(value: object) -> Latex:
    """Escape text for LaTeX; what is LaTeX already stays as it is.

    pdfLaTeX has glyphs for little of Unicode and stops at the rest: other characters than
    those above and ASCII become their code point, for example ``U+4E2D``. It also reads no line
    of any length: a very long text loses its middle.
    """
    if isinstance(value, Latex):
        return value
    text = shortened(str(value))
    pairs = zip(text, f"{text} "[1:], strict=True)
    return Latex("".join(_latex_character(*pair) for pair in pairs))


def breakable(value: object) -> Latex:
    """Escape text for LaTeX as :func:`latex_text` does, and let long words be broken.

    A word of more than twelve characters may be broken after punctuation, and what is longer than
    twenty even so, anywhere.
    """
    if isinstance(value, Latex):
        return value
    words = (_pieces(word) for word in shortened(str(value)).split())
    return Latex(" ".join(r"\allowbreak{}".join(map(latex_text, pieces)) for pieces in words))


def html_value(value: object) -> object:
    """What a template may show: text with every character visible, anything else as it is."""
    is_text = isinstance(value, str) and not hasattr(value, "__html__")
    return visible_text(str(value)) if is_text else value


def spreadsheet_text(text: str) -> str:
    """One line of visible characters, after an apostrophe where it would run as a formula.

    Source: OWASP, "CSV Injection".
    """
    shown = "\t".join(map(visible_text, text.split("\t")))
    is_formula = shown.startswith("\t") or shown.lstrip()[:1] in _FORMULA_STARTS
    return f"'{shown}" if is_formula else shown


def _pieces(word: str) -> list[str]:
    """Parts of a word, between which it may be broken."""
    if len(word) <= _LONG_WORD:
        return [word]
    return [piece for part in _AFTER_PUNCTUATION.findall(word) for piece in _short(part)]


def _short(part: str) -> list[str]:
    if len(part) <= _LONGEST_PART:
        return [part]
    return [part[start : start + _LONG_WORD] for start in range(0, len(part), _LONG_WORD)]


def _latex_character(character: str, following: str) -> str:
    if character == following and character in _LIGATURES:
        return f"{character}{{}}"
    if character in _LATEX:
        return _LATEX[character]
    if character.isspace():
        return " "
    if character.isascii() and character.isprintable():
        return character
    return f"U+{ord(character):04X}"
