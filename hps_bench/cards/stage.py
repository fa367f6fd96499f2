"""The ``cards`` stage: records of a grid in, a README.md beside each policy and data set out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import PackageLoader
from tqdm import tqdm

from hps_bench.cards.data_card import data_card
from hps_bench.cards.evaluated import evaluated
from hps_bench.cards.findings import CARD, Evaluations, Policy, grouped, without_seed
from hps_bench.cards.markdown import card_templates
from hps_bench.cards.model_card import model_card
from hps_bench.cards.settings import CardsJob
from hps_bench.cell import Cell
from hps_bench.integrity import file_digest, is_whole
from hps_bench.provenance import code_digest
from hps_bench.records import atomic_path
from hps_bench.stages import MANIFEST


@dataclass(frozen=True)
class _Card:
    """A card to be: its file, the digest of all that decides its text, and the text."""

    path: Path
    made_from: str
    text: Callable[[], str]


def write_cards(job: CardsJob, results: Path) -> dict[str, int]:
    """Write the cards of the policies that are trained, and of the data sets that are there.

    A card whose records have not changed since it was written is neither computed nor touched.

    Args:
        job: the grid.
        results: folder of its results.

    Returns:
        Numbers of policies and data sets with a card, and of cards that were written.

    Raises:
        UserError: a record is missing or damaged.
    """
    policies, datasets = list(_model_cards(job, results)), list(_data_cards(job, results))
    with tqdm([*datasets, *policies], "cards", unit=" cards", disable=None) as cards:
        written = sum(map(_renew, cards))
    return {"policies": len(policies), "datasets": len(datasets), "written": written}


def _model_cards(job: CardsJob, results: Path) -> Iterator[_Card]:
    evaluations = Evaluations(results, job.statistics)
    for of_all_seeds in grouped(job.cells, without_seed):
        part = _part_of(job, of_all_seeds)
        for cells in grouped(of_all_seeds, _path):
            policy = Policy(results, cells[0])
            if policy.is_trained:
                made_from = _digest(part, policy.records(cells))
                yield _Card(policy.card, made_from, _model_text(policy, cells, evaluations, part))


def _model_text(
    policy: Policy, cells: Sequence[Cell], evaluations: Evaluations, job: CardsJob
) -> Callable[[], str]:
    return lambda: model_card(policy, evaluated(policy, cells, evaluations), job)


def _data_cards(job: CardsJob, results: Path) -> Iterator[_Card]:
    for name, settings in job.datasets.items():
        folder = results / "prompts" / name
        if (folder / "summary.json").is_file():
            records = [folder / file for file in ("prompts.parquet", "summary.json", MANIFEST)]
            part = job.model_copy(update={"cells": [], "datasets": {name: settings}})
            yield _Card(folder / CARD, _digest(part, records), _data_text(part, folder))


def _data_text(job: CardsJob, folder: Path) -> Callable[[], str]:
    [(name, settings)] = job.datasets.items()
    return lambda: data_card(name, settings, folder)


def _part_of(job: CardsJob, cells: Sequence[Cell]) -> CardsJob:
    """What the cards of a policy's seeds say of the grid."""
    names = dict.fromkeys(name for c in cells for name in (c.trained_on, c.evaluated_on))
    datasets = {name: job.datasets[name] for name in names}
    return job.model_copy(update={"cells": list(cells), "datasets": datasets})


def _path(cell: Cell) -> str:
    return cell.policy_path


def _digest(job: CardsJob, records: Iterable[Path]) -> str:
    """Digest of settings, records, code and templates."""
    parts = [
        job.model_dump_json(),
        *(file_digest(path) if path.is_file() else "" for path in records),
        *_code(),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@cache
def _code() -> tuple[str, ...]:
    templates, loader = card_templates(), PackageLoader("hps_bench.cards")
    texts = (loader.get_source(templates, name)[0] for name in loader.list_templates())
    return code_digest(__name__), *texts


def _renew(card: _Card) -> bool:
    """Write a card unless it is up to date; say whether it was written."""
    end = f"\n<!-- hps-bench: made from {card.made_from} -->\n"
    if is_whole(card.path) and card.path.read_bytes().endswith(end.encode()):
        return False
    text = card.text() + end
    with atomic_path(card.path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return True
