"""Fragments through pdfLaTeX, read back as text."""

import re
import subprocess
from pathlib import Path

import pytest

from hps_bench.cell import Cell
from hps_bench.tables.build import build_table
from hps_bench.tables.latex import latex_fragment
from hps_bench.tables.layout import LAYOUTS
from tests.unit.tables.fabricated import (
    HH,
    PKU,
    cell,
    cells,
    job,
    judged,
    write_evaluation,
    write_judgements,
    write_training,
)
from tests.unit.tables.typeset import line, needs_latex, page_of, pdf_text


@needs_latex
def test_numbers_of_the_page_are_those_of_the_records(tmp_path: Path) -> None:
    for seed in range(2):
        path = cell(seed=seed).evaluation_path
        write_evaluation(tmp_path, path, rm_dpo=-1.0 - seed, reward_best=0.4316)
    page = page_of(build_table("table6", job(*cells("dpo-hps", seeds=2)), tmp_path), tmp_path)
    assert line(page, "100 DPO-HPS") == ["–", "–", "0.432", "-1.500", "–"]
    assert "[0.432, 0.432]" in page
    assert "[-2.000, -1.000]" in page
    # Table 6 of the paper: BLEU (beside ours of its kind), Reward and both margins.
    assert line(page, "published") == ["0.232", "0.430", "2.723", "2.040"]


@needs_latex
def test_missing_rows_are_dashes_with_a_note(tmp_path: Path) -> None:
    write_evaluation(tmp_path, cell("dpo-bt").evaluation_path, rm_dpo=1.0)
    of = job(*cells("dpo-bt", "dpo-hps", seeds=2), incomparable="toy world")
    page = page_of(build_table("table2", of, tmp_path), tmp_path)
    assert line(page, "DPO-HPS") == ["–"] * 5
    assert "1/2 seeds" in page
    assert "Missing, no result yet: SFT model (HH-RLHF); DPO-HPS (HH-RLHF)." in page
    assert "Published values are left out: toy world." in page


@needs_latex
def test_cost_with_deviation(tmp_path: Path) -> None:
    for seed in range(2):
        write_training(tmp_path, cell("dpo-bt", seed=seed), 60.0 + 2 * seed, tokens=2_500_000)
    page = page_of(build_table("cost", job(*cells("dpo-bt", seeds=2)), tmp_path), tmp_path)
    assert line(page, "100 BT")[:4] == ["61.00", "61.00", "1.00", "–"]
    assert "2.500 M" in page
    assert "± 1.4" in page
    assert line(page, "published") == ["62.8", "1.00", "62.71"]


@needs_latex
def test_win_rates(tmp_path: Path) -> None:
    """Laid out as Table 4: opponents are columns, data sets and outcomes are rows."""
    of = [*cells("dpo-hps", "dpo-bt"), *cells("dpo-hps", "dpo-bt", trained_on=PKU)]
    for dataset in (HH, PKU):
        subject = cell(trained_on=dataset).policy_path
        scores = {subject: [3.0] * 20, "sft": [2.0] * 19 + [4.0]}
        write_judgements(tmp_path, dataset, judged(scores))
    page = page_of(build_table("table4", job(*of), tmp_path), tmp_path)
    assert line(page, "Data set Policy") == ["Metric", "SFT", "model", "DPO-BT"]
    assert line(page, "HH-RLHF DPO-HPS") == ["Win", "95.0", "–"]
    assert line(page, "PKU-SafeRLHF DPO-HPS") == ["Win", "95.0", "–"]
    assert line(page, "Lose") == ["5.0", "–"]
    assert line(page, "Tie") == ["0.0", "–"]
    # Nineteen of twenty: 2 · 21 / 2²⁰, and twice that for two comparisons.
    assert "".join(line(page, "psign")) == "<0.001–"
    assert len(re.findall("< ?0.001", page)) == 4
    # Table 4 of the paper, win rates on HH-RLHF.
    assert line(page, "published") == ["63.9", "58.7"]
    assert "Missing, no result yet: DPO-HPS vs. DPO-BT (HH-RLHF)" in page


@needs_latex
def test_opponents_of_several_rewards_share_a_column(tmp_path: Path) -> None:
    of = cells("dpo-hps", "dpo-bt", "exo-hps", "exo-bt", seeds=2)
    scores = {
        **{c.policy_path: [3.0, 3.0] for c in of if c.method == "hps" and c.seed == 0},
        **{c.policy_path: [2.0, 4.0] for c in of if c.method == "bt"},
        "sft": [1.0, 2.0],
    }
    write_judgements(tmp_path, HH, judged(scores))
    page = page_of(build_table("table4", job(*of), tmp_path), tmp_path)
    assert line(page, "Data set Policy") == ["Metric", "SFT", "model", "BT"]
    assert line(page, "HH-RLHF DPO-HPS") == ["Win", "100.0", "50.0"]
    assert line(page, "HH-RLHF EXO-HPS") == ["Win", "100.0", "50.0"]
    assert page.count("1/2 seeds") == 2


@needs_latex
def test_hostile_names_are_text(tmp_path: Path) -> None:
    hostile = Cell(r"\input{x}", "$%&#_^~", "[1ex]", "}\\end{tabular}<script>", 5, 0.1, 0)
    star = Cell("*", "中", "[1ex]", "}\\end{tabular}<script>", 5, 0.1, 0)
    of = job(hostile, star, incomparable=r"\write18{ls} {")
    table = build_table("table5", of, tmp_path)
    page = page_of(table, tmp_path)
    # Underscore, caret and tilde are drawn, and not read back as what they are.
    assert r"\INPUT{X}-$%&#" in page
    assert "*-U+4E2D" in page
    assert r"[1ex] → }\end{tabular}<script>" in page


@needs_latex
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_table_is_typeset(tmp_path: Path, name: str) -> None:
    of = [*cells("dpo-bt", "dpo-hps"), *cells("dpo-bt", trained_on=PKU)]
    write_evaluation(tmp_path, of[0].evaluation_path, true_reward=1.0, harmful=0.5)
    table = build_table(name, job(*of), tmp_path)
    page = page_of(table, tmp_path)
    assert all(group.title in page for group in table.groups)


@needs_latex
def test_points_stand_below_each_other(tmp_path: Path) -> None:
    """Also where numbers are bold or underlined, of several lengths and of either sign."""
    margins = {"dpo-pl": -0.5, "dpo-bt": 12.5, "dpo-hps": 2.25, "exo-hps": 111.125}
    for policy, margin in margins.items():
        write_evaluation(tmp_path, cell(policy).evaluation_path, rm_dpo=margin)
    page_of(build_table("margins", job(*cells(*margins)), tmp_path), tmp_path)
    shown = [
        right
        for word, right in words(tmp_path / "document.pdf")
        if word.replace("−", "-") in {f"{margin:.3f}" for margin in margins.values()}
    ]
    assert len(shown) == 4
    assert max(shown) - min(shown) < 0.1


def words(pdf: Path) -> list[tuple[str, float]]:
    """Words of a page and their right edges, in points."""
    command = ["pdftotext", "-bbox", str(pdf), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r'xMax="([0-9.]+)" yMax="[0-9.]+">(.*?)</word>', text)
    return [(word, float(right)) for right, word in found]


@needs_latex
def test_a_fragment_stands_in_a_float(tmp_path: Path) -> None:
    """As a paper has it; a macro that is defined before decides the notes."""
    table = build_table("table8", job(cell()), tmp_path)
    (tmp_path / "fragment.tex").write_text(latex_fragment(table), encoding="utf-8")
    document = (
        r"\documentclass{article}\usepackage{booktabs,siunitx}\newcommand{\tablenotes}[1]{}"
        r"\begin{document}\begin{table}\input{fragment}\end{table}\end{document}"
    )
    (tmp_path / "document.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "document.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    text = pdf_text(tmp_path / "document.pdf")
    assert "published" in text
    assert "Mean over seeds" not in text


def test_best_is_bold_and_second_best_underlined(tmp_path: Path) -> None:
    for policy, margin in (("dpo-pl", 0.5), ("dpo-bt", 1.5), ("dpo-hps", 2.5)):
        write_evaluation(tmp_path, cell(policy).evaluation_path, rm_dpo=margin)
    fragment = latex_fragment(
        build_table("table2", job(*cells("dpo-pl", "dpo-bt", "dpo-hps")), tmp_path)
    )
    assert r"& \tablebest 2.500 &" in fragment
    assert r"& 1.500 {\tablesecond{1.500}} &" in fragment
    assert "& 0.500 &" in fragment


def test_headings_carry_arrows(tmp_path: Path) -> None:
    write_evaluation(tmp_path, cell().evaluation_path, harmful=0.1)
    fragment = latex_fragment(build_table("table8", job(cell()), tmp_path))
    assert r"{KL} & {BLEU $\uparrow$}" in fragment
    assert r"{RM\textsubscript{R-DPO} $\uparrow$}" in fragment
    assert r"{Harmful $\downarrow$}" in fragment


def test_columns_have_room_for_their_numbers(tmp_path: Path) -> None:
    for policy, margin in (("dpo-bt", -1.5), ("dpo-hps", 12.25)):
        write_evaluation(tmp_path, cell(policy).evaluation_path, rm_dpo=margin, reward_best=0.5)
    fragment = latex_fragment(build_table("table2", job(*cells("dpo-bt", "dpo-hps")), tmp_path))
    # Method; BLEU and character BLEU, which are not there; reward; the two margins.
    types = "lccS[table-format=1.3]S[table-format=-2.3]c"
    assert rf"\tablebegin{{{types}}}" in fragment


def test_column_count_fits_every_line(tmp_path: Path) -> None:
    of = [*cells("dpo-hps"), *cells("dpo-hps", trained_on=PKU)]
    write_evaluation(tmp_path, f"{HH}/sft", reward_best=0.4)
    fragment = latex_fragment(build_table("table2", job(*of), tmp_path))
    rows = re.findall(r"^.*(?<!\\)&.*\\\\\*?$", fragment, flags=re.MULTILINE)
    assert [row.count("&") for row in rows[1:]] == [10] * 6
    assert rows[0].count(r"\multicolumn{5}{c}") == 2


@pytest.mark.parametrize(
    ("optional", "data_sets"),
    [({}, "side by side"), ({"score_best": 1.0, "true_reward": 1.0, "harmful": 1.0}, "stacked")],
)
def test_many_columns_are_stacked(
    tmp_path: Path, optional: dict[str, float], data_sets: str
) -> None:
    """Five columns for each of two data sets stand side by side, eight below each other."""
    for dataset in (HH, PKU):
        path = cell(trained_on=dataset).evaluation_path
        write_evaluation(tmp_path, path, rm_dpo=1.0, **optional)
    of = [cell(), cell(trained_on=PKU)]
    fragment = latex_fragment(build_table("table2", job(*of), tmp_path))
    assert (r"\multicolumn{5}{c}{PKU-SafeRLHF}" in fragment) == (data_sets == "side by side")
    assert ("PKU-SafeRLHF & SFT model &" in fragment) == (data_sets == "stacked")
