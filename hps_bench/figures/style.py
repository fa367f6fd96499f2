"""How figures look: sizes, fonts, and a colour, dash and marker for each method."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import cycle, product
from typing import Any, cast

import matplotlib as mpl
from matplotlib.font_manager import findfont, get_font

from hps_bench.safe_text import visible_text

COLUMN_INCHES = 3.3
PAGE_INCHES = 6.8

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
"""Colours that the colour-blind tell apart (Okabe and Ito 2008); yellow is too light for lines."""
GREY = "#767676"
WINE = "#882255"
"""For one more method; from a palette with the same aim (Tol 2021)."""
PALE = "#DDDDDD"

_FONT = "DejaVu Sans"  # comes with matplotlib: the same on every machine
_LONGEST_LABEL = 48
_STYLE = {
    "font.family": _FONT,
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "pdf.fonttype": 42,  # TrueType: text stays text
    "savefig.dpi": 200,
}


Dash = tuple[float, tuple[float, ...]]
"""Where the pattern begins, and lengths of its strokes and gaps, in line widths."""
SOLID: Dash = (0, ())
DASHED: Dash = (0, (4, 2))


@dataclass(frozen=True)
class MethodStyle:
    """Looks of one method: any one of the three tells it from the others."""

    colour: str
    dash: Dash
    marker: str


_KNOWN = {
    "hps": MethodStyle(VERMILLION, SOLID, "o"),
    "bt": MethodStyle(BLUE, (0, (5, 1.5)), "s"),
    "pl": MethodStyle(GREEN, (0, (1, 1)), "^"),
    "sft": MethodStyle(BLACK, (0, (4, 1, 1, 1)), "X"),
}
_DASHES: tuple[Dash, ...] = ((0, (3, 1, 1, 1)), (0, (8, 2)), (0, (2, 2)))
_OTHERS = [
    MethodStyle(colour, dash, marker)
    for dash, (colour, marker) in product(
        _DASHES, [(PURPLE, "D"), (SKY, "v"), (ORANGE, "P"), (GREY, "p"), (WINE, "h")]
    )
]


def method_styles(methods: Iterable[str]) -> dict[str, MethodStyle]:
    """A style for each method; those that are not built in get theirs by their order."""
    names = list(dict.fromkeys(methods))
    others = dict(zip((name for name in names if name not in _KNOWN), cycle(_OTHERS)))
    return {name: _KNOWN.get(name) or others[name] for name in names}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw as the suite does, whatever the user's own matplotlib settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(cast("Any", _STYLE))  # its keys are typed one by one
        yield


def label(text: str) -> str:
    """Text of others as a label: one short line of characters that the font has."""
    shown = visible_text(text)
    if len(shown) > _LONGEST_LABEL:
        shown = f"{shown[: _LONGEST_LABEL - 1]}…"
    glyphs = _glyphs()
    return "".join(c if ord(c) in glyphs else f"U+{ord(c):04X}" for c in shown)


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(findfont(_FONT)).get_charmap())
