"""Evaluations as tables that MLflow's page shows: samples side by side, and records.

The files have the form of MLflow's ``log_table``; ``mlflow.load_table`` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hps_bench.cell import Cell
from hps_bench.integrity import is_whole
from hps_bench.schemas import EVALUATION

SAMPLES = "samples.json"
RECORDS = "records.json"
SHOWN_PROMPTS = 100
"""Prompts in a table of samples, of which each shows the first sample."""
SHOWN_RECORDS = 1000
SHOWN_BESIDE = 20
"""Prompts of each data set in a table that has a column for every policy."""
LOGGED_TABLES = "mlflow.loggedArtifacts"
"""Tag by which MLflow's page knows which files are tables."""

_SCORES = ("reward", "true_reward")
_METRICS = [field.name for field in EVALUATION if pa.types.is_floating(field.type)]
_DAMAGED = (OSError, pa.ArrowException, KeyError)


@dataclass(frozen=True)
class Table:
    """A table; a cell is text, a number or None."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def write(self, path: Path) -> None:
        """Write it as pandas does with ``orient="split", index=False``."""
        content = {"columns": list(self.columns), "data": [list(row) for row in self.rows]}
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def logged_tables(names: Iterable[str]) -> str:
    """Value of the tag `LOGGED_TABLES`."""
    return json.dumps([{"path": name, "type": "table"} for name in names])


def sources(results: Path, key: str, evaluated_on: str) -> list[Path]:
    """Files behind the tables of an evaluation, those that are there."""
    folder = results / key
    files = (folder / "samples.parquet", folder / "records.parquet")
    beside = (_samples_of_sft(results, evaluated_on), _prompts_file(results, evaluated_on))
    return [path for path in (*files, *beside) if path.is_file()]


class Evaluations:
    """Evaluations of a results folder as tables; what many of them show is read once."""

    def __init__(self, results: Path) -> None:
        """Read nothing yet.

        Args:
            results: results folder.
        """
        self._results = results
        self._samples = cache(_first_samples)
        self._prompts = cache(_test_prompts)

    def tables(self, key: str, evaluated_on: str) -> dict[str, Table]:
        """Samples of one evaluation beside the SFT model's and the human answer; its records.

        Args:
            key: the run's key, ``evaluations/…``.
            evaluated_on: data set of the prompts.

        Returns:
            Tables by file name; those whose records are missing or damaged are left out.
        """
        folder = self._results / key
        prompts = self._prompts(_prompts_file(self._results, evaluated_on))
        tables = {}
        if own := self._samples(folder / "samples.parquet"):
            sft = _samples_of_sft(self._results, evaluated_on)
            others = {} if sft.parent == folder else self._samples(sft)
            tables[SAMPLES] = _side_by_side(own, others, prompts)
        if records := _records(folder / "records.parquet", prompts):
            tables[RECORDS] = records
        return tables

    def samples(self, cells: Sequence[Cell]) -> Table | None:
        """First samples of every policy of an experiment side by side, of the first seed alone.

        Returns:
            One row per prompt, one column per policy; None before the first evaluation.
        """
        seed = min((cell.seed for cell in cells), default=0)
        shown = [cell for cell in cells if cell.seed == seed]
        names = list(dict.fromkeys(map(_policy_name, shown)))
        data_sets = dict.fromkeys(cell.evaluated_on for cell in shown)
        rows = [row for name in data_sets for row in self._beside(name, shown, names)]
        return Table(["data set", "prompt", "human", "sft", *names], rows) if rows else None

    def _beside(
        self, data_set: str, cells: Sequence[Cell], names: Sequence[str]
    ) -> Iterator[list[Any]]:
        """Rows of one data set."""
        prompts = self._prompts(_prompts_file(self._results, data_set))
        folder = self._results / "evaluations"
        files = {
            _policy_name(cell): folder / cell.evaluation_path / "samples.parquet"
            for cell in cells
            if cell.evaluated_on == data_set
        }
        sft = self._samples(_samples_of_sft(self._results, data_set))
        found = [sft, *(self._samples(files[n]) if n in files else {} for n in names)]
        shown = list(dict.fromkeys(prompt for samples in found for prompt in samples))
        for prompt in shown[:SHOWN_BESIDE]:
            texts = (_scored_text(samples.get(prompt)) for samples in found)
            yield [data_set, *prompts.get(prompt, (prompt, None)), *texts]


def experiment_sources(results: Path, cells: Iterable[Cell]) -> list[Path]:
    """Files behind `experiment_samples`, those that are there."""
    folder = results / "evaluations"
    paths = dict.fromkeys(p for cell in cells for p in (cell.evaluation_path, cell.baseline_path))
    files = (folder / path / "samples.parquet" for path in paths)
    return [path for path in files if path.is_file()]


def _policy_name(cell: Cell) -> str:
    return f"{cell.policy} n{cell.responses} b{cell.beta:g}"


def _scored_text(sample: Mapping[str, Any] | None) -> str | None:
    """A sample with its scores in a last line."""
    if sample is None:
        return None
    scores = [f"{name} {sample[name]:.2f}" for name in _SCORES if sample.get(name) is not None]
    return f"{sample['text']}\n[{', '.join(scores)}]"


def _side_by_side(
    own: Mapping[str, Mapping[str, Any]],
    sft: Mapping[str, Mapping[str, Any]],
    prompts: Mapping[str, tuple[str, str]],
) -> Table:
    scores = [name for name in _SCORES if any(row.get(name) is not None for row in own.values())]
    beside = ["text", *scores] if sft else []
    columns = ["prompt", "response", *scores]
    columns += ["sft response", *(f"sft {name}" for name in scores)] if sft else []
    rows = []
    for prompt, sample in own.items():
        question, human = prompts.get(prompt, (prompt, None))
        cells = [question, sample["text"], *(sample.get(name) for name in scores)]
        rows.append([*cells, *(sft.get(prompt, {}).get(name) for name in beside), human])
    return Table([*columns, "human"], rows)


def _records(path: Path, prompts: Mapping[str, tuple[str, str]]) -> Table | None:
    """Metrics of each test prompt; those that no prompt has are left out."""
    found = _read(path, ["prompt_id", *_METRICS])
    if found is None or not len(found):
        return None
    found = found.slice(0, SHOWN_RECORDS)
    kept = found.column_names
    metrics = [n for n in _METRICS if n in kept and found[n].null_count < len(found)]
    columns = [found[name].to_pylist() for name in ("prompt_id", *metrics)]
    questions = [prompts.get(identity, (identity, None))[0] for identity in columns[0]]
    return Table(["prompt", *metrics], list(zip(questions, *columns[1:], strict=True)))


def _first_samples(path: Path) -> dict[str, dict[str, Any]]:
    """The first sample of the first prompts, by prompt id."""
    columns = ["prompt_id", "text", *_SCORES]
    found = _read(path, columns, filters=[("sample_index", "=", 0)])
    rows = found.slice(0, SHOWN_PROMPTS).to_pylist() if found is not None else []
    return {row["prompt_id"]: row for row in rows}


def _test_prompts(path: Path) -> dict[str, tuple[str, str]]:
    """Test prompts as text, and their preferred human responses, by prompt id."""
    columns = ["prompt_id", "messages", "chosen"]
    found = _read(path, columns, filters=[("split", "=", "test")])
    rows = found.to_pylist() if found is not None else []
    return {row["prompt_id"]: (_conversation(row["messages"]), row["chosen"]) for row in rows}


def _conversation(messages: Sequence[Mapping[str, str]]) -> str:
    """The turns of a prompt; the role stands before each where there are several."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in messages)


def _read(path: Path, columns: list[str], **options: Any) -> pa.Table | None:
    """Columns of a file, those that it has; None where it is missing or damaged."""
    try:
        if not is_whole(path):
            return None
        present = set(pq.read_schema(path).names)
        return pq.read_table(path, columns=[n for n in columns if n in present], **options)
    except _DAMAGED:
        return None


def _samples_of_sft(results: Path, evaluated_on: str) -> Path:
    return results / "evaluations" / evaluated_on / "sft" / "samples.parquet"


def _prompts_file(results: Path, evaluated_on: str) -> Path:
    return results / "prompts" / evaluated_on / "prompts.parquet"
