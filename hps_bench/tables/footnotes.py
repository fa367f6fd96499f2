"""Footnotes of a table: recipes, how many seeds and prompts, and what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from hps_bench.statistics import Interval, bleu_signature
from hps_bench.tables.metrics import BLEU, Metric
from hps_bench.tables.settings import TableSettings
from hps_bench.tables.table import BASELINE, Group, Row, Table

_NAMED_AT_MOST = 12


def interval_note(settings: TableSettings) -> str:
    """How means over seeds and their bounds were computed."""
    return (
        f"Mean over seeds, below it the {100 * settings.level:g} % interval: percentile bootstrap "
        f"over seeds and the prompts within them, {settings.resamples} resamples."
    )


def footnotes(table: Table, samples: int) -> tuple[str, ...]:
    """Notes below a table, one paragraph each, as plain text.

    Args:
        table: without these notes.
        samples: N, samples per test prompt.
    """
    return (
        *_legend(table),
        *_recipes(table, samples),
        *_counts(table),
        *_missing(table),
        *_left_out(table),
    )


def _legend(table: Table) -> Iterator[str]:
    if any(metric.direction for metric in _metrics(table)):
        yield "Bold: best mean of a column; underlined: second best; neither is a test."
    values = [row.values[column] for row in table.rows for column in table.columns]
    if _has_published(table):
        yield "Published: value of the paper (arXiv 2502.14400v5)."
    if any("→" in group.title for group in table.groups):
        yield "A → B: trained on A, evaluated on B."
    if any(value.found and value.interval is None for value in values):
        yield "A dash in an evaluated row: the metric does not apply or was not computed."


def _recipes(table: Table, samples: int) -> Iterator[str]:
    of_rows = dict.fromkeys(row.key.metric for row in table.rows if row.key.metric)
    for metric in (*_metrics(table), *of_rows):
        signature = bleu_signature() if metric == BLEU else ""
        recipe = metric.recipe.format(samples=samples, bleu_signature=signature)
        yield f"{metric.title}: {recipe}."


def _counts(table: Table) -> Iterator[str]:
    for group in table.groups:
        runs = [i.seeds for row in table.rows if row.key != BASELINE for _, i in _found(row, group)]
        if runs:
            counts = [_count(_range(runs), table.layout.counted), *_prompts(table, group)]
            yield f"{group.title}: {', '.join(counts)}."


def _prompts(table: Table, group: Group) -> Iterator[str]:
    """Numbers of prompts, with the metrics that rest on them where these differ."""
    prompts: dict[Metric, list[int]] = defaultdict(list)
    for row in table.rows:
        for metric, interval in _found(row, group):
            prompts[metric].append(interval.prompts)
    metrics: dict[str, list[str]] = defaultdict(list)
    for metric, counts in prompts.items():
        if any(counts):
            metrics[_range(counts)].append(metric.title)
    for count, titles in metrics.items():
        yield _count(count, "prompts") + (f" ({', '.join(titles)})" if len(metrics) > 1 else "")


def _missing(table: Table) -> Iterator[str]:
    names = [
        f"{table.row_title(row)} ({group.title})"
        for row in table.rows
        for group in table.groups
        if row.progress(group).missing
    ]
    if names:
        yield f"Missing, no result yet: {_listed(names)}."


def _left_out(table: Table) -> Iterator[str]:
    rows: dict[str, list[str]] = defaultdict(list)
    for row in table.rows:
        for reason in {value.incomparable for value in row.values.values()} - {""}:
            rows[reason].append(table.row_title(row))
    for reason, names in sorted(rows.items()):
        of_rows = f" of {_listed(names)}" if _has_published(table) or len(rows) > 1 else ""
        yield f"Published values{of_rows} are left out: {reason}."


def _has_published(table: Table) -> bool:
    return any(value.published is not None for row in table.rows for value in row.values.values())


def _metrics(table: Table) -> Iterable[Metric]:
    return dict.fromkeys(column.metric for column in table.columns)


def _found(row: Row, group: Group) -> Iterator[tuple[Metric, Interval]]:
    for column, value in row.values.items():
        if column.group == group and value.interval:
            yield column.metric, value.interval


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low}–{high}"


def _count(number: str, plural: str) -> str:
    return f"{number} {plural.removesuffix('s') if number == '1' else plural}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    named = "; ".join(names[:_NAMED_AT_MOST])
    return f"{named} and {more} more" if more > 0 else named
