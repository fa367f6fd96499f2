"""Samples side by side: what each policy says to the same prompts, and how that was scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice, takewhile
from operator import itemgetter
from pathlib import Path
from typing import Any

from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.grid import grid
from hps_bench.records import read_rows
from hps_bench.safe_text import visible_text
from hps_bench.schemas import JUDGEMENTS, PROMPTS, SAMPLES
from hps_bench.tables.layout import policy_title
from hps_bench.tables.table import BASELINE

Row = dict[str, Any]
Scores = Mapping[tuple[str, str, int], float]

MOST_PROMPTS = 40
"""Prompts of each test set that are looked at: its first, so that nobody has chosen them."""
MOST_CHARACTERS = 6_000_000
"""Budget of the page; a prompt counts with all that is shown below it."""
LONGEST_TEXT = 3000
"""Characters of a text; the rest of a longer one is in the records."""
_DIGITS = 4


@dataclass(frozen=True)
class ShownPolicy:
    """A policy whose samples are shown on one test set.

    Attributes:
        cell: of the grid; None for the reference model.
        label: of the judge's scores.
        path: of its evaluation.
    """

    cell: Cell | None
    label: str
    path: str

    @property
    def card(self) -> Row:
        """Title and axes, by the names that the page filters by."""
        if self.cell is None:
            return {"title": BASELINE.title}
        return {
            "title": policy_title(self.cell.reward, self.cell.method),
            "trained": self.cell.trained_on,
            "reward": self.cell.reward,
            "method": self.cell.method,
            "responses": str(self.cell.responses),
            "beta": f"{self.cell.beta:g}",
            "seed": str(self.cell.seed),
        }


@dataclass
class _Sheet:
    """A prompt with what was said to it; ``characters`` is its share of the budget."""

    prompt: Row
    responses: list[Row] = field(default_factory=list)
    characters: int = 0


def shown_samples(config: Config, results: Path) -> list[Row]:
    """Prompts of each test set with the policies' responses, as plain values for the page.

    Returns:
        One entry per test set that has samples: ``dataset``, ``policies`` (title and axes) and
        ``prompts``. A prompt has ``turns``, ``chosen``, ``rejected`` and ``responses``; a
        response the place of its policy and its ``samples``: the first that was drawn, and the
        one with the highest reward, which ``best`` points to.

    Raises:
        UserError: a file is damaged.
    """
    of = grid(config)
    budget = MOST_CHARACTERS // len(config.datasets)
    sets = (_test_set(results, name, _policies(of, name), budget) for name in config.datasets)
    return [found for found in sets if found["prompts"]]


def _policies(of: Iterable[Cell], dataset: str) -> list[ShownPolicy]:
    """The reference model, then every policy that is evaluated on a data set."""
    here = [cell for cell in of if cell.evaluated_on == dataset]
    return [
        ShownPolicy(None, "sft", f"{dataset}/sft"),
        *(ShownPolicy(cell, cell.policy_path, cell.evaluation_path) for cell in here),
    ]


def _test_set(results: Path, dataset: str, policies: Sequence[ShownPolicy], budget: int) -> Row:
    files = {
        policy: file
        for policy in policies
        if (file := results / "evaluations" / policy.path / "samples.parquet").is_file()
    }
    sheets = _sheets(results, dataset, next(iter(files.values()), None))
    scores = _judged(results, dataset, sheets)
    for place, (policy, file) in enumerate(files.items()):
        for prompt, rows in _samples(file, sheets):
            response = _response(rows, scores, policy.label)
            sheets[prompt].responses.append({"policy": place, **response})
            sheets[prompt].characters += sum(len(shown["text"]) for shown in response["samples"])
    return {
        "dataset": dataset,
        "policies": [policy.card for policy in files],
        "prompts": list(_within(budget, sheets.values())),
    }


def _sheets(results: Path, dataset: str, samples: Path | None) -> dict[str, _Sheet]:
    """Empty sheets of the first prompts that were sampled for."""
    if samples is None:
        return {}
    sampled = groupby(read_rows(samples, SAMPLES), key=itemgetter("prompt_id"))
    wanted = [prompt for prompt, _ in islice(sampled, MOST_PROMPTS)]
    file = results / "prompts" / dataset / "prompts.parquet"
    found = {
        row["prompt_id"]: row for row in read_rows(file, PROMPTS) if row["prompt_id"] in wanted
    }
    return {prompt: _Sheet(_prompt(found[prompt])) for prompt in wanted if prompt in found}


def _samples(file: Path, sheets: Mapping[str, _Sheet]) -> Iterator[tuple[str, list[Row]]]:
    """Samples by prompt. All evaluations of a test set have its prompts in the same order."""
    rows = takewhile(lambda row: row["prompt_id"] in sheets, read_rows(file, SAMPLES))
    for prompt, of in groupby(rows, key=itemgetter("prompt_id")):
        yield prompt, list(of)


def _judged(results: Path, dataset: str, prompts: Mapping[str, Any]) -> Scores:
    """The judge's scores by policy, prompt and sample; none where nobody has judged."""
    file = results / "judge" / dataset / "scores.parquet"
    if not file.is_file():
        return {}
    return {
        (row["policy"], row["prompt_id"], row["sample_index"]): row["score"]
        for row in read_rows(file, JUDGEMENTS)
        if row["prompt_id"] in prompts and row["repeat"] == 0 and row["outcome"] == "scored"
    }


def _prompt(row: Row) -> Row:
    return {
        "turns": [
            {"role": shown_text(turn["role"]), "content": shown_text(turn["content"])}
            for turn in row["messages"]
        ],
        "chosen": shown_text(row["chosen"]),
        "rejected": shown_text(row["rejected"]),
    }


def _response(rows: Sequence[Row], scores: Scores, label: str) -> Row:
    """The first sample and the best one, which may be the same."""
    best = max(rows, key=itemgetter("reward"))
    shown = [rows[0]] if best is rows[0] else [rows[0], best]
    return {
        "samples": [_sample(row, scores, label, len(rows)) for row in shown],
        "best": len(shown) - 1,
    }


def _sample(row: Row, scores: Scores, label: str, of: int) -> Row:
    judged = scores.get((label, row["prompt_id"], row["sample_index"]))
    known = {"reward": row["reward"], "true reward": row["true_reward"], "judge": judged}
    return {
        "text": shown_text(row["text"]),
        "number": row["sample_index"] + 1,
        "of": of,
        "scores": [[n, round(value, _DIGITS)] for n, value in known.items() if value is not None],
        "harmful": bool(row["harmful"]),
    }


def _within(budget: int, sheets: Iterable[_Sheet]) -> Iterator[Row]:
    """The first prompts that fit into the budget, and one at least."""
    used = 0
    for place, sheet in enumerate(sheets):
        used += sheet.characters
        if place and used > budget:
            return
        yield {**sheet.prompt, "responses": sheet.responses}


def shown_text(text: str) -> str:
    """Lines of visible characters; the end of a very long text is left out, and counted."""
    cut = len(text) - LONGEST_TEXT
    shown = visible_lines(text[:LONGEST_TEXT])
    return f"{shown} … ({cut} more characters)" if cut > 0 else shown


def visible_lines(text: str) -> str:
    """Text with every character visible, in the lines that it has."""
    return "\n".join(map(visible_text, text.split("\n")))
