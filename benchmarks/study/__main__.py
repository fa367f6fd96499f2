"""``python -m benchmarks.study``: raters at once on the rating page, over HTTP."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np

from benchmarks.training.environment import machine
from benchmarks.training.protocol import ROOT
from hps_bench.errors import UserError
from hps_bench.records import write_json
from hps_bench.study.page.export import export_ratings
from hps_bench.study.page.security import PER_ADDRESS, PER_RATER
from tests.unit.study.page.raters import JSON, Study, all_scores, new_study, small_assignment

FIGURES = Path(__file__).parent / "figures" / "results.json"
OTHER_FIGURES = ROOT / "results" / "benchmarks" / "study" / "results.json"

_PER_TASK, _BESIDE = 4, 5
"""Requests of a rater: for each task, and for the link, consent and submission."""
_TEXT = "Some words that a response might have, and that take a while to read. " * 10


@dataclass
class Watch:
    """Times of what raters' browsers asked for.

    Attributes:
        requests: answers of all kinds.
        saves: seconds from a form of scores to its answer, one for each that was saved.
    """

    requests: int = 0
    saves: list[float] = field(default_factory=list)

    def note(self, answer: httpx.Response) -> None:
        """Note an answer, which is read to its end first."""
        answer.read()
        self.requests += 1
        saved = answer.status_code in (200, 303)
        if saved and answer.request.method == "POST" and "/tasks/" in answer.url.path:
            self.saves.append(answer.elapsed.total_seconds())


def measure(raters: int, tasks: int) -> dict[str, Any]:
    """Have all raters rate everything at once.

    Each task is saved twice: by the page's script, and by its button.

    Args:
        raters: number of raters, each on a connection of its own.
        tasks: of each rater, with four responses.

    Returns:
        Counts, seconds from the first link to the last submission, and times of saves.
    """
    watches = [Watch() for _ in range(raters)]
    with TemporaryDirectory(prefix="hps-bench-study-") as folder:
        study = new_study(Path(folder), small_assignment(raters, tasks, _TEXT))
        with study.served() as address, ThreadPoolExecutor(raters) as pool:
            begun = time.perf_counter()
            list(
                pool.map(
                    lambda of: _rate(study, address, *of), zip(study.tokens, watches, strict=True)
                )
            )
            seconds = time.perf_counter() - begun
        counts = export_ratings(study.store_file, study.assignment, Path(folder) / "r.parquet")
    saves = [1000 * save for watch in watches for save in watch.saves]
    median, most = np.quantile(saves, [0.5, 0.95])
    return {
        **counts,
        "requests": sum(watch.requests for watch in watches),
        "saves": len(saves),
        "seconds": round(seconds, 2),
        "saves_per_second": round(len(saves) / seconds, 1),
        "save_ms": {"median": round(float(median), 1), "p95": round(float(most), 1)},
    }


def _rate(study: Study, address: str, name: str, watch: Watch) -> None:
    visitor = study.rater(address, name)
    visitor.client.event_hooks = {"response": [watch.note]}
    with visitor as rater:
        rater.begin()
        for number, task in enumerate(rater.tasks, start=1):
            scores = all_scores(task, "3.25")
            rater.save(number, scores, **JSON).raise_for_status()
            rater.save(number, scores)
        rater.submit()


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code: 2 for wrong input."""
    options = _parser().parse_args(arguments)
    try:
        _check(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # Figures that are committed are those of the command without options.
    output = options.output or (OTHER_FIGURES if arguments else FIGURES)
    command = " ".join(["python -m benchmarks.study", *arguments])
    setting = {"command": command, "machine": machine(options.raters)}
    write_json(output, {**setting, **measure(options.raters, options.tasks)})
    print(output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study", description=__doc__)
    parser.add_argument("--raters", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=30, help="of each rater")
    parser.add_argument("--output", type=Path, help="JSON file")
    return parser


def _check(options: argparse.Namespace) -> None:
    """Refuse at once what the page's limits of requests a minute would refuse."""
    if min(options.raters, options.tasks) < 1:
        raise UserError("--raters, --tasks: give 1 or more")
    requests = options.tasks * _PER_TASK + _BESIDE
    if requests > PER_RATER.amount or requests * options.raters > PER_ADDRESS.amount:
        raise UserError(
            "--raters, --tasks: more requests than the page answers a minute; give fewer"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
