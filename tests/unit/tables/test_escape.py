import pytest

from hps_bench.tables.escape import Latex, breakable, latex_text, spreadsheet_text


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("50% of $x_1 & #2", r"50\% of \$x\_1 \& \#2"),
        ("a^b ~ c", r"a\textasciicircum{}b \textasciitilde{} c"),
        ("[1] *", "{[}1{]} {*}"),
        ("β → γ ±", r"$\beta$ $\rightarrow$ $\gamma$ $\pm$"),
        ("a\nb\x00c", "a bU+0000c"),
        ("中é", "U+4E2DU+00E9"),
    ],
)
def test_latex(text: str, latex: str) -> None:
    assert latex_text(text) == latex


def test_latex_is_escaped_once() -> None:
    assert latex_text(latex_text("50%")) == r"50\%"
    assert latex_text(Latex(r"\emph{x}")) == r"\emph{x}"


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("plain words of 0.5 and a-b", "plain words of 0.5 and a-b"),
        ("some/long-name_x", r"some/\allowbreak{}long-\allowbreak{}name\_\allowbreak{}x"),
        ("approximations", "approximations"),
        ("abcdefghijklmnopqrstuvwxyz", r"abcdefghijkl\allowbreak{}mnopqrstuvwx\allowbreak{}yz"),
        ("50 % of $x", r"50 \% of \$x"),
        (Latex(r"\emph{what/is/latex/stays}"), r"\emph{what/is/latex/stays}"),
        ("", ""),
    ],
)
def test_long_words_may_be_broken(text: str, latex: str) -> None:
    assert breakable(text) == latex


@pytest.mark.parametrize("formula", ["=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "＝1"])
def test_formulas_become_text(formula: str) -> None:
    assert spreadsheet_text(formula) == f"'{formula}"


@pytest.mark.parametrize("text", ["", "dpo", "a=b", "2/3 seeds"])
def test_other_text_stays(text: str) -> None:
    assert spreadsheet_text(text) == text
