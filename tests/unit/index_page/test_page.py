import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hps_bench.cli import app
from hps_bench.config import Config
from hps_bench.errors import UserError
from hps_bench.folders import Folders
from hps_bench.grid import grid
from hps_bench.index_page.page import index_page, write_index
from hps_bench.records import write_json
from hps_bench.workflow import Workflow
from tests.unit.hostile.texts import HTML
from tests.unit.index_page.fabricated import (
    DIALOGUE,
    FIGURE,
    finished,
    prompt_row,
    sample,
    small_config,
    write_figure,
    write_prompts,
    write_samples,
)

VOID = {"meta", "img", "input"}


class Page(HTMLParser):
    """Elements with their attributes and text; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def attributes(self, tag: str, name: str) -> list[str]:
        found = (attributes.get(name) for element, attributes in self.elements if element == tag)
        return [value for value in found if value is not None]


@pytest.fixture(scope="module")
def config() -> Config:
    return small_config()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Path:
    folder = tmp_path_factory.mktemp("results")
    finished(folder, config)
    return folder


@pytest.fixture(scope="module")
def page(results: Path, config: Config) -> str:
    return index_page(config, results)


def test_everything_stands_on_the_page(page: str) -> None:
    shown = Page(page)
    ids = [attributes["id"] for _, attributes in shown.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"run", "table-table2", "table-table6", f"figure-{FIGURE}", "samples", "cells"} <= set(
        ids
    )
    assert {"paper-claims", "paper-values", "paper-consistency"} <= set(ids)
    assert not {"missing", "time"} & set(ids)
    assert "Complete: 22 evaluations." in shown.texts["p"]


def test_links_lead_to_files_beside_the_page_or_into_it(results: Path, page: str) -> None:
    links = Page(page).attributes("a", "href")
    ids = Page(page).attributes("section", "id") + Page(page).attributes("main", "id")
    assert f"figures/{FIGURE}.png" in links
    assert "tables/table2.csv" in links
    for link in links:
        assert link.removeprefix("#") in ids or (results / link).is_file()


def test_only_its_own_style_and_script_take_effect(page: str) -> None:
    """Hashes as CSP Level 3 computes them: over the text between the tags."""
    shown = Page(page)
    (policy,) = (p for p in shown.attributes("meta", "content") if "default-src" in p)
    (style,), (_, script) = shown.texts["style"], shown.texts["script"]
    for source, text in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{source} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert {name for _, attributes in shown.elements for name in attributes} & {"style"} == set()


def test_rows_and_columns_say_what_they_are_filtered_by(page: str) -> None:
    rows = [attributes for tag, attributes in Page(page).elements if tag == "tr"]
    cells = [row for row in rows if row.get("class") == "cell"]
    assert len(cells) == 22
    assert cells[-1] == {
        "class": "cell",
        "data-dataset": "toy-dialogue",
        "data-trained": "toy-questions",
        "data-reward": "dpo",
        "data-method": "hps",
        "data-responses": "4",
        "data-beta": "0.1",
        "data-seed": "0",
    }
    of_tables = [row for row in rows if "data-method" in row and "data-seed" not in row]
    assert len(of_tables) == 8  # four policies in table 2 and in table 6
    columns = Page(page).attributes("td", "data-trained")
    assert set(columns) == {"toy-dialogue", "toy-questions"}


def test_filters_are_the_axes_that_vary(page: str) -> None:
    names = Page(page).attributes("select", "name")
    assert names == ["dataset", "reward", "method", "seed"]


def test_missing_cells_are_listed_with_their_reasons(tmp_path: Path, config: Config) -> None:
    shown = Page(index_page(config, tmp_path))
    assert any("22 of 22 evaluations are missing" in text for text in shown.texts["p"])
    assert shown.texts["td"].count("missing") == 2 * 22
    ids = [attributes["id"] for _, attributes in shown.elements if "id" in attributes]
    assert not {"tables", "figures", "samples"} & set(ids)


def test_a_figure_without_records_is_named(tmp_path: Path, config: Config) -> None:
    finished(tmp_path, config)
    write_figure(tmp_path, "cost-margin")
    experiments = [*config.experiments]
    both = config.model_copy(update={"figures": {FIGURE: experiments, "cost-margin": experiments}})
    shown = Page(index_page(both, tmp_path))
    assert shown.attributes("figure", "id") == [f"figure-{FIGURE}"]
    title = "Cost of training against margin"
    assert f"Left out, because there are no records to draw: {title}." in shown.texts["p"]


def test_the_same_results_give_the_same_page(results: Path, config: Config, page: str) -> None:
    assert index_page(config, results) == page


@pytest.mark.parametrize("hostile", HTML)
def test_hostile_samples_are_text(tmp_path: Path, config: Config, hostile: str) -> None:
    write_prompts(tmp_path, DIALOGUE, [{**prompt_row("p", hostile), "chosen": hostile}])
    write_samples(tmp_path, f"{DIALOGUE}/sft", [sample("p", 0, hostile, 1.0)])
    elements = {tag for tag, _ in Page(index_page(config, tmp_path)).elements}
    plain = {tag for tag, _ in Page(index_page(config, tmp_path / "none")).elements}
    assert elements - plain <= {"input", "noscript", "span"}
    data = Page(index_page(config, tmp_path)).texts["script"][0]
    assert not re.search("[<>&]", data)


def test_a_reason_is_text(tmp_path: Path, config: Config) -> None:
    from tests.unit.index_page.test_cells import journal

    for cell in grid(config):
        journal(
            tmp_path, f"policies/{cell.policy_path}", "FAILED", "<img src=x onerror=alert(1)>\x1b"
        )
    shown = Page(index_page(config, tmp_path))
    assert "img" not in dict(shown.elements)
    assert "<img src=x onerror=alert(1)>U+001B" in shown.texts["td"]


def test_secrets_stay_out_of_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-0123")
    models = small_config().models.model_dump() | {"generator": {"path": "a/canary-0123/<b>"}}
    text = index_page(small_config(models=models), tmp_path)
    assert "canary" not in text
    assert "path: a/[OPENAI_API_KEY]/&lt;b&gt;" in text


def test_a_damaged_table_is_told(tmp_path: Path, config: Config) -> None:
    finished(tmp_path, config)
    (tmp_path / "tables" / "table2.html").write_text("<h1>another</h1></body>")
    with pytest.raises(UserError, match="damaged, its digest has changed"):
        index_page(config, tmp_path)


def test_the_command_reads_the_settings_of_the_workflow(
    results: Path, config: Config, page: str
) -> None:
    settings = results / "settings.json"
    settings.write_text(Workflow(config).settings("index"))
    arguments = ("--settings", settings, "--results", results, "--output", results / "index.html")
    result = CliRunner().invoke(app, ["index", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert (results / "index.html").read_text(encoding="utf-8") == page


def test_tables_of_a_failed_run(results: Path, config: Config, tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {})
    write_index(config, results, tmp_path / "so-far.html", Folders("no-such-folder"))
    assert "table-table2" not in (tmp_path / "so-far.html").read_text()
