"""Items of a study: test prompts, and what each policy answered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hps_bench.errors import UserError
from hps_bench.records import read_rows
from hps_bench.schemas import PROMPTS, SAMPLES
from hps_bench.seeding import numpy_generator
from hps_bench.study.prompts import HARMFUL, HARMLESS, UNLABELLED, draw_prompts, stratum
from hps_bench.study.settings import StudyJob

Row = dict[str, Any]


@dataclass(frozen=True)
class RatedPrompt:
    """A test prompt with one sample of each policy.

    Attributes:
        dataset: of the prompt.
        prompt: its row of schema ``PROMPTS``.
        stratum: by which it was drawn.
        samples: rows of schema ``SAMPLES``, in the order of the policies.
    """

    dataset: str
    prompt: Row
    stratum: str
    samples: Sequence[Row]


def rated_prompts(job: StudyJob, results: Path) -> Iterator[RatedPrompt]:
    """Draw the prompts of every data set.

    Args:
        job: what the study is.
        results: folder of the results.

    Yields:
        Rated prompts, by data set.

    Raises:
        UserError: a file is missing or damaged, or too few prompts have samples.
    """
    for dataset, evaluations in job.evaluations.items():
        files = [results / "evaluations" / path / "samples.parquet" for path in evaluations]
        path = results / "prompts" / dataset / "prompts.parquet"
        prompts = {row["prompt_id"]: row for row in read_rows(path, PROMPTS)}
        samples = [_by_prompt(file, job.settings.sample) for file in files]
        common = set(prompts).intersection(*samples)
        if len(common) < job.settings.prompts:
            raise UserError(
                f"study.prompts: {job.settings.prompts} of {dataset} are more than the "
                f"{len(common)} test prompts of which every policy has sample "
                f"{job.settings.sample}; lower it, or raise evaluation.sample_prompts"
            )
        strata = _strata(files, {name: prompts[name] for name in common})
        generator = numpy_generator(job.settings.seed, "study", "prompts", dataset)
        for name in draw_prompts(strata, job.settings.prompts, generator):
            chosen = [by_prompt[name] for by_prompt in samples]
            yield RatedPrompt(dataset, prompts[name], strata[name], chosen)


def texts_of(rated: Sequence[RatedPrompt]) -> str:
    """Everything that raters read, in one text, so that ids can depend on it."""
    return json.dumps(
        [[p.prompt["messages"], [sample["text"] for sample in p.samples]] for p in rated]
    )


def _by_prompt(path: Path, sample: int) -> dict[str, Row]:
    """Each prompt's sample of this index."""
    rows = read_rows(path, SAMPLES)
    return {row["prompt_id"]: row for row in rows if row["sample_index"] == sample}


def _strata(files: Sequence[Path], prompts: Mapping[str, Row]) -> dict[str, str]:
    """Stratum of each prompt; without any label of harm, nothing is known to be harmless."""
    labels: dict[str, list[float | None]] = {name: [] for name in prompts}
    for file in files:
        for row in read_rows(file, SAMPLES):
            if row["prompt_id"] in labels:
                labels[row["prompt_id"]].append(row["harmful"])
    found = {name: stratum(row, labels[name]) for name, row in prompts.items()}
    if HARMFUL in found.values():
        return {name: HARMLESS if s == UNLABELLED else s for name, s in found.items()}
    return found
