"""Tables as HTML pages that need no other file."""

from __future__ import annotations

from hps_bench.tables.display import shown_rows
from hps_bench.tables.pages import page_environment
from hps_bench.tables.table import BASELINE, Table


def html_page(table: Table) -> str:
    """The table as one page; names from configs and data are escaped."""
    template = page_environment("hps_bench.tables").get_template("table.html")
    return template.render(table=table, rows=shown_rows(table), baseline=BASELINE)
