"""The page of published values beside ours."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from hps_bench.paper_comparison.sheets import Block, Cell, Heading, Sheet, sheet
from hps_bench.paper_comparison.titles import TABLES, column_title, row_title, table_title
from hps_bench.paper_comparison.values import VERDICTS, ComparedFigure
from hps_bench.tables.display import number_text
from hps_bench.tables.published import PublishedFigure
from hps_bench.tables.settings import TableSettings
from hps_bench.tables.table import RowKey


def value_sheet(compared: Sequence[ComparedFigure], settings: TableSettings) -> Sheet:
    """Counts of verdicts, why there is none, and every row that has a number of ours."""
    return sheet(
        "Published values beside ours",
        [_counts(compared), _reasons(compared), *_blocks(compared)],
        _notes(compared, settings),
    )


def _counts(compared: Sequence[ComparedFigure]) -> Block:
    rows = [
        _count_row(table_title(table), [one for one in compared if one.figure.table == table])
        for table in TABLES
    ]
    headings = (Heading("", 0.19), *(Heading(text, 0.15) for text in ("Figures", *VERDICTS)))
    return Block("Verdicts", headings, (*rows, _count_row("All", compared)))


def _count_row(title: str, compared: Sequence[ComparedFigure]) -> tuple[Cell, ...]:
    verdicts = Counter(one.verdict for one in compared)
    return ((title,), (str(len(compared)),), *((str(verdicts[name]),) for name in VERDICTS))


def _reasons(compared: Sequence[ComparedFigure]) -> Block:
    """Each of several reasons counts."""
    counts = Counter(
        (one.verdict, reason) for one in compared for reason in filter(None, one.reason.split("; "))
    )
    rows = tuple(((verdict,), (reason,), (str(n),)) for (verdict, reason), n in counts.items())
    headings = (Heading("Verdict", 0.19), Heading("Why", 0.6), Heading("Figures", 0.15))
    return Block("Why there is no verdict", headings, rows)


def _blocks(compared: Iterable[ComparedFigure]) -> Iterator[Block]:
    """One for each table and test set, where some figure has a number of ours."""
    places: dict[tuple[str, str], list[ComparedFigure]] = defaultdict(list)
    for one in compared:
        places[one.figure.table, one.figure.group.evaluated_on].append(one)
    for (table, _), figures in places.items():
        if any(one.ours for one in figures):
            yield _block(f"{table_title(table)}, {figures[-1].figure.group.title}", figures)


def _block(caption: str, figures: Sequence[ComparedFigure]) -> Block:
    columns = list(dict.fromkeys(one.figure.column for one in figures))
    rows = [
        _row(key, {one.figure.column: one for one in of_row}, columns)
        for key, of_row in groupby(figures, key=lambda one: one.figure.key)
    ]
    width = 0.76 / len(columns)
    headings = (Heading("", 0.18), *(Heading(column_title(name), width) for name in columns))
    return Block(caption, headings, tuple(rows))


def _row(
    key: RowKey, by_column: dict[str, ComparedFigure], columns: Iterable[str]
) -> tuple[Cell, ...]:
    cells = (by_column.get(column) for column in columns)
    return ((row_title(key),), *(_cell(one) if one else ("–",) for one in cells))


def _cell(one: ComparedFigure) -> Cell:
    label = one.reason.partition("; ")[0] or one.verdict
    if one.ours is None:
        return one.figure.text, label
    mean, low, high = (
        number_text(value, _decimals(one.figure))
        for value in (one.ours.mean, one.ours.low, one.ours.high)
    )
    return one.figure.text, f"{label}: {mean} [{low}, {high}]"


def _decimals(figure: PublishedFigure) -> int:
    return len(figure.text.partition(".")[2])


def _notes(compared: Iterable[ComparedFigure], settings: TableSettings) -> list[str]:
    verdicts = Counter(one.verdict for one in compared)
    judged = verdicts["agrees"] + verdicts["differs"]
    notes = [
        "Above: value of the paper (arXiv 2502.14400v5). Below: ours with its "
        f"{100 * settings.level:g} % interval, over seeds and the prompts within them, as in our "
        "tables. The two agree where the paper's lies within that interval, widened by half a unit "
        "of its last decimal.",
        "The paper gives no spread, so the interval is of our results alone: a figure may differ "
        "because its own run was one of many. The column `deviations` of the CSV has the "
        "difference in standard deviations between our seeds.",
        "Not comparable: the config is not the paper's, or seeds are lacking; the first reason "
        "stands with the number, all are in the CSV. Tables without a number of ours are in the "
        "CSV only.",
    ]
    if judged:
        chance = (1 - settings.level) * judged
        notes.append(
            f"Of {judged} figures with a verdict, about {chance:.0f} would differ by chance alone "
            "if all intervals had their nominal coverage."
        )
    return notes
