"""Snakemake's own report of a finished run: what it holds, and under which headings."""

from __future__ import annotations

import json
from zipfile import ZipFile

import pytest

from tests.workflow.repository import WITH_HINGE, Repository

pytestmark = pytest.mark.xdist_group("finished")


def of_report(page: str, variable: str) -> dict[str, dict[str, object]]:
    """A variable of the report's own scripts, which hold one each."""
    _, _, script = page.partition(f'<script id="{variable}">')
    _, _, text = script.partition("= ")
    value: dict[str, dict[str, object]] = json.JSONDecoder().raw_decode(text)[0]
    return value


def test_snakemake_reports_tables_figures_and_the_page(finished: Repository) -> None:
    result = finished.snakemake("--configfile", WITH_HINGE, "--report", "report.zip")
    assert result.returncode == 0, result.stdout + result.stderr
    with ZipFile(finished.folder / "report.zip") as report:
        page = report.read("report/report.html").decode()
        files = {name.rpartition("/")[2] for name in report.namelist()}
    assert {"index.html", "table2.html", "cost.html", "claims.html"} <= files
    results = of_report(page, "results")
    table = results["results/tiny/tables/table2.html"]
    assert table["labels"] == {"table": "Table 2: fine-tuning"}
    assert "cells of fine-tuning" in str(table["caption"])
    assert set(of_report(page, "categories")) >= {"Tables", "Everything on one page"}
    assert "Experiments: fine-tuning. Data sets: toy-dialogue." in page
