"""The documents' tables are those of the rows that lie beside them."""

import re
from pathlib import Path

import pytest

from hps_bench.theory.excerpt import PAGES, kept_tables, main, shown
from tests.cli.command import ROOT

DOCS = ROOT / "docs"
BLOCK = re.compile(r"<!-- table: .*?<!-- end of table -->", re.DOTALL)


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    return kept_tables(DOCS / "theory")


@pytest.mark.parametrize(("name", "blocks"), zip(PAGES, (8, 1), strict=True))
def test_pages_have_the_tables_of_the_kept_rows(
    name: str, blocks: int, tables: dict[str, str]
) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    remedy = "run: python -m hps_bench.theory.excerpt results/paper/theory docs"
    assert page == shown(page, tables), remedy
    assert len(BLOCK.findall(page)) == blocks


@pytest.mark.parametrize("name", PAGES)
def test_no_table_of_results_is_written_by_hand(name: str) -> None:
    rest = BLOCK.sub("", (DOCS / name).read_text(encoding="utf-8"))
    rows = [line for line in rest.splitlines() if line.lstrip().startswith("|")]
    assert not [row for row in rows if re.search(r"\d \[", row)]


def test_a_table_is_put_where_its_heading_is() -> None:
    page = "a\n\n<!-- table: x: m = 1 -->\n\nold\n\n<!-- end of table -->\n\nb\n"
    assert shown(page, {"x: m = 1": "| new |"}) == page.replace("old", "| new |")
    with pytest.raises(KeyError):
        shown(page, {})


def test_excerpt_of_an_excerpt_is_itself(tmp_path: Path) -> None:
    """All rows that are kept are needed, and none is lost on the way."""
    (tmp_path / "theory").mkdir()
    for name in PAGES:
        (tmp_path / name).write_bytes((DOCS / name).read_bytes())
    main(DOCS / "theory", tmp_path)
    kept = sorted((DOCS / "theory").glob("*.csv"))
    assert len(kept) == 4
    for path in [*kept, *(DOCS / name for name in PAGES)]:
        assert (tmp_path / path.relative_to(DOCS)).read_bytes() == path.read_bytes()
