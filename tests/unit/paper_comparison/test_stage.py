"""The files of the stage, for the paper's own config and for the toy world's."""

import csv
import json
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hps_bench.cli import app
from hps_bench.config import load_config
from hps_bench.paper_comparison.stage import write_comparison
from hps_bench.workflow import Workflow
from tests.cli.command import ROOT
from tests.unit.paper_comparison.fabricated import experiment, policies, suite
from tests.unit.tables.fabricated import write_evaluation
from tests.unit.tables.typeset import needs_latex, pdf_text

NAMES = ("values", "claims", "consistency")
DOCUMENT = r"""
\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{array,booktabs,mathptmx}
\usepackage[textwidth=6.8in,textheight=40in,paperheight=42in]{geometry}
\setlength{\tabcolsep}{2.5pt}
\setlength{\parindent}{0pt}
\begin{document}\footnotesize FRAGMENTS\end{document}
"""


def demo() -> Workflow:
    return Workflow(load_config(ROOT / "config" / "demo.yaml"))


def lines(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def some_results(results: Path) -> Workflow:
    made = suite(**experiment())
    for policy in ("dpo-hps", "dpo-pl"):
        for seed, cell in enumerate(policies(made, policy)):
            write_evaluation(
                results, cell.evaluation_path, rm_dpo=2.6 + seed / 10, bleu_char_nltk=0.24
            )
    return made


def test_toy_run_has_no_verdict_and_says_why(tmp_path: Path) -> None:
    summary = write_comparison(demo().comparison, tmp_path, tmp_path / "out")
    none = {"agrees": 0, "differs": 0, "not comparable": 383, "missing": 0}
    assert summary == {"figures": none, "inconsistent": 56}
    values = lines(tmp_path / "out" / "values.csv")
    assert len(values) == 383
    assert {line["verdict"] for line in values} == {"not comparable"}
    assert all("the config has no data set" in line["reason"] for line in values)
    assert {line["ours"] for line in values} == {""}
    claims = lines(tmp_path / "out" / "claims.csv")
    assert {line["verdict"] for line in claims} == {"not comparable"}
    assert all(line["published"] for line in claims)


def test_command_writes_all_files_and_says_what_came_out(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(demo().settings("paper_comparison"), encoding="utf-8")
    arguments = ["--settings", tmp_path / "job.json", "--results", tmp_path, "--output", tmp_path]
    run = CliRunner().invoke(app, ["compare-paper", *map(str, arguments)])
    assert run.exit_code == 0, run.output
    assert json.loads(run.output)["figures"]["not comparable"] == 383
    files = {path.name for path in tmp_path.iterdir() if path.suffix in (".csv", ".tex", ".html")}
    assert files == {f"{name}.{kind}" for name in NAMES for kind in ("csv", "tex", "html")}


def test_toy_run_reads_no_records() -> None:
    assert demo().comparison_files == []


def test_paper_reads_the_records_of_its_tables() -> None:
    files = suite().comparison_files
    folder = "results/paper/evaluations/hh-rlhf"
    assert f"{folder}/hh-rlhf/dpo-hps/n100-b0.25-s2/records.parquet" in files
    assert f"{folder}/pku-saferlhf/exo-pl/n100-b0.1-s0/records.parquet" in files
    assert f"{folder}/sft/records.parquet" in files
    assert "results/paper/judge/hh-rlhf/scores.parquet" in files
    # The rest of the matrix has no published number: no n below 100 but DPO on HH-RLHF.
    assert not [file for file in files if "exo-hps/n5-" in file]
    # 3 seeds of 30 policies on two sets, 6 more n on two sets and 8 more β; SFT and judge on two.
    # Of the study what raters are given; what they said, once they have.
    study = {"results/paper/study/assignment.json", "results/paper/study/key.json"}
    assert study <= set(files)
    assert len(files) == 3 * (60 + 12 + 8) + 2 + 2 * 2 + 2
    assert len(set(files)) == len(files)


def test_values_are_as_printed_and_as_computed(tmp_path: Path) -> None:
    write_comparison(some_results(tmp_path).comparison, tmp_path, tmp_path / "out")
    values = lines(tmp_path / "out" / "values.csv")
    [one] = [
        line
        for line in values
        if (line["table"], line["method"], line["metric"]) == ("table2", "hps", "rm_dpo")
        and line["reward"] == "dpo"
        and line["evaluated_on"] == "hh-rlhf"
    ]
    assert (one["published"], one["rounding"], one["verdict"]) == ("2.723", "0.0005", "agrees")
    assert float(one["ours"]) == pytest.approx(2.7)
    assert float(one["difference"]) == pytest.approx(-0.023)
    # Table 6 repeats the row, and its verdict.
    assert sum(line["ours"] == one["ours"] for line in values) >= 3


def test_numbers_are_no_formulas_of_a_spreadsheet(tmp_path: Path) -> None:
    write_comparison(demo().comparison, tmp_path, tmp_path)
    for name in NAMES:
        text = (tmp_path / f"{name}.csv").read_text(encoding="utf-8")
        assert not re.search(r"(?m)(^|,)\"?'", text)
        assert not re.search(r"(?m)(^|,)\"?[=+@]", text)


def test_page_marks_what_differs(tmp_path: Path) -> None:
    write_comparison(some_results(tmp_path).comparison, tmp_path, tmp_path / "out")
    page = (tmp_path / "out" / "values.html").read_text(encoding="utf-8")
    assert "<small>agrees: 2.700 [" in page
    assert "<small>differs: 0.240 [0.240, 0.240]</small>" in page
    assert "RM<sub>R-DPO</sub>" in page
    assert "<script" not in page


def test_same_results_same_bytes(tmp_path: Path) -> None:
    made = some_results(tmp_path)
    for folder in ("one", "two"):
        write_comparison(made.comparison, tmp_path, tmp_path / folder)
    for name in NAMES:
        for kind in ("csv", "tex", "html"):
            file = f"{name}.{kind}"
            assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@needs_latex
def test_fragments_compile_and_show_the_numbers(tmp_path: Path) -> None:
    write_comparison(some_results(tmp_path).comparison, tmp_path, tmp_path)
    fragments = "\\newpage ".join(rf"\input{{{name}}}" for name in NAMES)
    (tmp_path / "document.tex").write_text(DOCUMENT.replace("FRAGMENTS", fragments))
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "document.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-2000:]
    assert "Overfull" not in run.stdout
    text = pdf_text(tmp_path / "document.pdf")
    assert "442.52 ± 0.28 %" in text
    assert "agrees: 2.700 [" in text
    assert "within 0.001 of -0.683" in text
