"""From the results of a config to one page that needs no other file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.figures.catalogue import FIGURES
from hps_bench.folders import FINISHED, Folders
from hps_bench.grid import grid
from hps_bench.index_page.cells import cell_rows, shown_metrics
from hps_bench.index_page.cost import rule_times
from hps_bench.index_page.facts import duration, facts
from hps_bench.index_page.parts import (
    COMPARISONS,
    Link,
    existing_links,
    read_figures,
    read_parts,
)
from hps_bench.index_page.samples import shown_samples, visible_lines
from hps_bench.records import atomic_path
from hps_bench.safe_text import without_secrets, without_userinfo
from hps_bench.study.titles import TITLES
from hps_bench.tables.layout import LAYOUTS
from hps_bench.tables.pages import page_environment
from hps_bench.theory.catalogue import THEOREMS

_PACKAGE = "hps_bench.index_page"
_DOCUMENTS = (
    Link("report.pdf", "report/report.pdf"),
    Link("report.tex", "report/report.tex"),
)


def write_index(config: Config, results: Path, output: Path, folders: Folders = FINISHED) -> None:
    """Write the page; results that do not exist yet are left out, or listed as missing.

    Args:
        config: what was asked for.
        results: folder of its results.
        output: file in that folder, because the page's links are relative.
        folders: of the tables, figures and comparisons that it shows.

    Raises:
        UserError: a file of the results is damaged.
    """
    page = index_page(config, results, folders)
    with atomic_path(output) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def index_page(config: Config, results: Path, folders: Folders = FINISHED) -> str:
    """The page as text; see :func:`write_index`."""
    environment = page_environment(_PACKAGE)
    style, script = (_source(name) for name in ("index.css", "index.js"))
    style = _source("style.css", "hps_bench.tables") + style
    rows = cell_rows(config, results)
    infos = [info for name, info in FIGURES.items() if name in config.figures]
    figures = read_figures(results, folders.figures, infos)
    left_out = set(config.figures) - {figure.name for figure in figures}
    return environment.get_template("index.html").render(
        name=config.name,
        style=Markup(style),
        script=Markup(script),
        policy=_content_policy(style, script),
        axes=_axes(grid(config)),
        documents=existing_links(results, _DOCUMENTS),
        facts=facts(config, results),
        rows=rows,
        missing=[row for row in rows if row.status != "evaluated"],
        metrics=shown_metrics(rows),
        tables=read_parts(results, folders.tables, _table_names(config)),
        figures=figures,
        left_out=[figure.title for name, figure in FIGURES.items() if name in left_out],
        theory=read_figures(results, "theory", THEOREMS.values() if config.theory else ()),
        comparisons=read_parts(results, folders.comparisons, COMPARISONS),
        samples=shown_samples(config, results),
        times=rule_times(results),
        duration=duration,
        config=Markup.escape(visible_lines(_config_text(config))),
    )


def _table_names(config: Config) -> list[str]:
    """Tables of the config in the paper's order, those of a study's analysis after its means."""
    of_study = TITLES if config.study else ()
    named = [name for name in LAYOUTS if name in config.tables]
    rated = [name for name in named if LAYOUTS[name].records == "study"]
    place = named.index(rated[-1]) + 1 if rated else len(named)
    return [*named[:place], *of_study, *named[place:]]


def _source(name: str, package: str = _PACKAGE) -> str:
    return resources.files(package).joinpath("templates", name).read_text(encoding="utf-8")


def _content_policy(style: str, script: str) -> str:
    """Content security policy by which nothing but this style and this script takes effect."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _axes(of: Iterable[Cell]) -> Mapping[str, tuple[str, list[str]]]:
    """What can be filtered by: heading and values of each axis that has several."""
    cells = list(of)
    values: dict[str, tuple[str, Iterable[Any]]] = {
        "dataset": ("Data set", [name for c in cells for name in (c.trained_on, c.evaluated_on)]),
        "reward": ("Reward", (cell.reward for cell in cells)),
        "method": ("Method", (cell.method for cell in cells)),
        "responses": ("n", sorted({cell.responses for cell in cells})),
        "beta": ("β", sorted({cell.beta for cell in cells})),
        "seed": ("Seed", sorted({cell.seed for cell in cells})),
    }
    return {
        axis: (heading, [f"{value:g}" if axis == "beta" else str(value) for value in found])
        for axis, (heading, given) in values.items()
        if len(found := list(dict.fromkeys(given))) > 1
    }


def _config_text(config: Config) -> str:
    """The config with its defaults, as YAML, without secrets."""
    values = _shown(config.model_dump(mode="json"))
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return without_userinfo(without_secrets(value)) if isinstance(value, str) else value
