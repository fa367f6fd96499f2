"""The report through LaTeX, read back as text."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hps_bench.config import Config
from hps_bench.errors import UserError
from hps_bench.folders import Folders
from hps_bench.records import atomic_path, read_json, write_json
from hps_bench.report.stage import write_report
from hps_bench.tables.build import build_table
from hps_bench.tables.display import number_text
from hps_bench.tables.latex import latex_fragment
from tests.unit.hostile.texts import HOSTILE
from tests.unit.index_page.fabricated import small_config
from tests.unit.tables.fabricated import PKU, cells, job, write_evaluation
from tests.unit.tables.typeset import line, needs_latex, pdf_text


def typeset(document: Path) -> str:
    """Text of the typeset report, whose boxes are none of them overfull."""
    folder = document.parent / "typeset"
    command = ["latexmk", "-norc", "-pdf", "-halt-on-error", "-interaction=nonstopmode"]
    command += [f"-outdir={folder}", document.name]
    run = subprocess.run(command, cwd=document.parent, capture_output=True, check=False)
    assert run.returncode == 0, run.stdout[-3000:].decode(errors="replace")
    log = (folder / "report.log").read_text(encoding="utf-8", errors="replace")
    assert re.findall("Overfull.*", log) == []
    assert "undefined references" not in log
    return pdf_text(folder / "report.pdf")


@needs_latex
def test_numbers_of_the_tables_are_in_the_report(results: Path, config: Config) -> None:
    text = typeset(write_report(config, results, results / "report"))
    for name in config.tables:
        with (results / "tables" / f"{name}.csv").open(encoding="utf-8") as file:
            means = [row["mean"] for row in csv.DictReader(file) if row["mean"]]
        assert len(means) > 10
        assert all(number_text(float(mean), 3) in text for mean in means)


@needs_latex
def test_the_report_says_what_was_run(results: Path, config: Config) -> None:
    text = typeset(write_report(config, results, results / "report"))
    assert "All 22 evaluations, the SFT model’s among them, are here." in text
    assert "synthetic world" in text
    assert line(text, "fine-tuning")[:4] == ["dpo,", "sppo", "bt,", "hps"]
    assert "16 of 16" in text
    assert "4 of 4" in text
    assert "toy-dialogue: toy world" in text
    assert "learning rate 0.001" in text
    assert "Not there yet" not in text
    for heading in ("Table 2: fine-tuning", "Claims of the paper", "Figure 1: Margins over test"):
        assert heading in text


@needs_latex
def test_what_is_missing_is_named(tmp_path: Path) -> None:
    config = small_config(figures={"training-curves": ["fine-tuning"]})
    text = typeset(write_report(config, tmp_path, tmp_path / "report"))
    assert "Of 22 evaluations, the SFT model’s among them, 22 are missing" in text
    assert "• SFT model on toy-dialogue" in text
    assert "• DPO-HPS on toy-questions → toy-dialogue, n = 4, β = 0.1, seed 0" in text
    assert "Not there yet: Table 2: fine-tuning; Table 6: number of responses" in text
    assert "Not there yet: Loss and margin over training." in text
    assert "Not there yet: Claims of the paper" in text
    assert text.count("0 of 16") == 1


def replace_table2(results: Path, fragment: str) -> None:
    with atomic_path(results / "tables" / "table2.tex") as temporary:
        temporary.write_text(fragment, encoding="utf-8")


@needs_latex
def test_a_table_that_is_too_long_goes_on_on_the_next_page(results: Path, config: Config) -> None:
    of = cells(*(f"dpo-m{place}" for place in range(80)))
    fragment = latex_fragment(build_table("table2", job(*of), results / "nothing"))
    replace_table2(results, fragment)
    text = typeset(write_report(config, results, results / "report"))
    first, last = (
        next(k for k, page in enumerate(text.split("\f")) if re.search(rf"DPO-M{row} ", page))
        for row in (0, 79)
    )
    assert last > first
    assert all("char-BLEU" in page for page in text.split("\f")[first : last + 1])


@needs_latex
def test_a_table_that_is_too_wide_is_turned(results: Path, config: Config) -> None:
    of = [*cells("dpo-bt", "dpo-hps"), *cells("dpo-bt", "dpo-hps", trained_on=PKU)]
    for each in of:
        names = ("bleu_char_nltk", "reward_best", "rm_dpo", "rm_rdpo", "harmful")
        metrics = {name: [-100.5, -1.5] for name in names}
        write_evaluation(results, each.evaluation_path, "ab", **metrics)
    table = build_table("table2", job(*of), results)
    replace_table2(results, latex_fragment(table))
    (results / "tables" / "table6.tex").unlink()
    typeset(write_report(config, results, results / "report"))
    command = ["pdfinfo", "-l", "99", str(results / "report" / "typeset" / "report.pdf")]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"rot: +(\d+)", found).count("90") == 1


@needs_latex
def test_hostile_records_are_text(results: Path, config: Config) -> None:
    """Versions, a device and an error that nobody here has written."""
    hostile = "".join(HOSTILE).replace("\x00", "")
    (results / "report").mkdir()
    (results / "report" / "canary.txt").write_text("SWALLOWEDFILE")
    for path in list((results / "policies").rglob("training.json")):
        write_json(path, read_json(path) | {"device": hostile + "x" * 10**5})
        manifest = {"git_commit": hostile, "python": hostile, "versions": {hostile: hostile}}
        write_json(path.with_name("manifest.json"), manifest)
    text = typeset(write_report(config, results, results / "report"))
    assert "SWALLOWEDFILE" not in text
    assert "alert(1)" in text
    assert "U+202E" in "".join(text.split())


@needs_latex
def test_long_names_are_broken(tmp_path: Path) -> None:
    """A name may have 64 characters and no hyphen."""
    name = "x" * 64
    experiments = {name: small_config().experiments["fine-tuning"].model_dump()}
    config = small_config(name=name, experiments=experiments, tables={"table2": [name]}, figures={})
    text = typeset(write_report(config, tmp_path, tmp_path / "report"))
    assert text.replace(" ", "").count("x" * 12) >= 4


def test_parts_so_far_lie_elsewhere(results: Path, config: Config) -> None:
    shutil.move(results / "tables", results / "so-far")
    folders = Folders("so-far", "no-figures", "no-comparison")
    document = write_report(config, results, results / "so-far", folders)
    text = document.read_text(encoding="utf-8")
    assert r"\reporttable{Table 2: fine-tuning}{table2}" in text
    assert "Not there yet: Margins over test prompts." in text


def test_same_results_same_source(results: Path, config: Config) -> None:
    first = write_report(config, results, results / "one").read_bytes()
    assert first == write_report(config, results, results / "two").read_bytes()


def test_a_part_that_is_damaged_is_one_line(results: Path, config: Config) -> None:
    """LaTeX would take it in, or stop at it."""
    (results / "tables" / "table2.tex").write_text("\\begin{tabular}", encoding="utf-8")
    with pytest.raises(UserError, match=r"table2\.tex: damaged"):
        write_report(config, results, results / "report")
    assert not (results / "report").exists()
