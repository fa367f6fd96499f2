from matplotlib.colors import to_rgb

from hps_bench.figures.style import label, method_styles
from hps_bench.plan.settings import METHODS


def test_methods_differ_in_colour_dash_and_marker() -> None:
    styles = method_styles([*METHODS, "sft"])
    for looks in ("colour", "marker"):
        assert len({getattr(style, looks) for style in styles.values()}) == len(styles)
    paper = [styles[name] for name in ("bt", "pl", "hps")]
    assert len({style.dash for style in paper}) == 3


def test_style_of_a_method_does_not_depend_on_the_others() -> None:
    assert method_styles(["hps"])["hps"] == method_styles(["mine", "bt", "hps"])["hps"]


def test_many_methods_each_have_a_look() -> None:
    styles = method_styles([f"m{k}" for k in range(12)])
    assert len({(style.colour, style.dash) for style in styles.values()}) == 12


def test_methods_of_the_paper_differ_in_print_without_colour() -> None:
    """Rec. 709 luminance; or the dash tells them apart."""
    styles = method_styles(["bt", "pl", "hps", "sft"]).values()
    grey = {
        (round(0.2126 * r + 0.7152 * g + 0.0722 * b, 1), style.dash)
        for style in styles
        for r, g, b in [to_rgb(style.colour)]
    }
    assert len(grey) == 4


def test_labels_are_short_lines_of_characters_that_the_font_has() -> None:
    assert label("HH-RLHF → PKU-SafeRLHF, β = 0.1") == "HH-RLHF → PKU-SafeRLHF, β = 0.1"
    assert label("a\nb\x1b[31m") == "a bU+001B[31m"
    assert label("中") == "U+4E2D"
    assert label("\ud800") == "U+D800"
    assert label("x" * 100) == "x" * 47 + "…"
