"""``python -m benchmarks.tracking``: measure MLflow's page on stores of many runs."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from benchmarks.gpu.measure import quartiles
from benchmarks.inference.report import table
from benchmarks.training.environment import machine
from benchmarks.training.protocol import ROOT
from hps_bench.records import write_json
from hps_bench.tracking.store import connect, tracking_uri
from hps_bench.tracking.upload import upload
from tests.browser.chromium import chromium
from tests.browser.mlflow_page import names, served_views, visiting
from tests.unit.tracking.fabricated import experiment, write_grid

FIGURES = Path(__file__).parent / "figures" / "results.json"
OTHER_FIGURES = ROOT / "results" / "benchmarks" / "tracking" / "results.json"
SEEDS = (6, 66)
"""A hundred runs and a thousand: trainings, evaluations and transfer of three methods a seed."""
METHODS = ("pl", "bt", "hps")

Visit = Callable[[Page, dict[str, str]], None]


def main(arguments: Sequence[str]) -> int:
    """Measure, and write figures and a table; options leave the committed ones alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tracking", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="of each store")
    parser.add_argument("--rounds", type=int, default=5, help="visits of each kind")
    options = parser.parse_args(arguments)
    output = OTHER_FIGURES if arguments else FIGURES
    results: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.tracking", *arguments]),
        "machine": machine(0),
        "rounds": options.rounds,
        "versions": {name: version(name) for name in ("mlflow", "playwright")},
        "stores": [],
    }
    for seeds in options.seeds:
        print(f"measuring {seeds} seeds", file=sys.stderr, flush=True)
        results["stores"].append(measure_store(seeds, options.rounds))
        write_json(output, results)
    output.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
    print(output.with_suffix(".md"))
    return 0


def measure_store(seeds: int, rounds: int) -> dict[str, Any]:
    """Seconds of an upload, of searches, and until pages show their first rows.

    Every visit has a browser's profile of its own, and so nothing in its cache.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "results"
        own = experiment(METHODS, datasets=["hh", "pku"], seeds=range(seeds))
        transfer = experiment(METHODS, datasets=["hh"], seeds=range(seeds), evaluate_on="others")
        write_grid(root / "grid", {"own": own, "transfer": transfer})
        begun = time.process_time()
        upload(root / "grid")
        uploaded = time.process_time() - begun
        client = connect(tracking_uri(root))
        [found] = client.search_experiments(filter_string="name = 'grid'")
        runs = sum(1 for _ in _runs(client, found.experiment_id))
        search = "tags.method = 'hps' and tags.evaluated_on = 'hh'"
        searches = [
            _seconds(lambda: client.search_runs([found.experiment_id], search))
            for _ in range(rounds)
        ]
        with served_views(root) as views, chromium() as browser:
            pages = {
                name: quartiles([_visit(browser, views, go) for _ in range(rounds)])
                for name, go in VISITS.items()
            }
    return {
        "runs": runs,
        "upload_cpu_seconds_per_run": uploaded / runs,
        "search": quartiles(searches),
        **pages,
    }


def markdown(results: dict[str, Any]) -> str:
    """The table of what was measured."""
    headings = ("runs", "upload, ms of CPU a run", "a search, s", *(f"{v}, s" for v in VISITS))
    rows = [
        (
            str(store["runs"]),
            f"{1000 * store['upload_cpu_seconds_per_run']:.0f}",
            *(_text(store[name]) for name in ("search", *VISITS)),
        )
        for store in results["stores"]
    ]
    setting = results["machine"]
    return (
        f"# MLflow's page\n\n`{results['command']}`, {setting['cpu']}, {setting['cores']} cores, "
        f"load {setting['load']} before the start; median and quartiles of {results['rounds']} "
        f"visits.\n\n{table(headings, rows)}\n"
    )


def _runs(client: Any, experiment_id: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs([experiment_id], page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _visit(browser: Browser, views: dict[str, str], go: Visit) -> float:
    with visiting(browser, views) as page:
        return _seconds(lambda: go(page, views))


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _first_rows(page: Page, views: dict[str, str]) -> None:
    before, shared, after = views["Evaluations"].partition("viewStateShareKey=evaluations&")
    assert shared
    page.goto(before + after)
    expect(names(page).first).to_be_visible()


def _view(page: Page, views: dict[str, str]) -> None:
    page.goto(views["Evaluations"])
    expect(page.get_by_test_id("sort-header-eval/reward_best")).to_be_visible()
    expect(names(page).first).to_be_visible()


def _samples(page: Page, views: dict[str, str]) -> None:
    page.goto(views["Samples side by side, pku"])
    expect(page.get_by_text("to p1, sample 0").first).to_be_visible()


VISITS: dict[str, Visit] = {"first rows": _first_rows, "a view": _view, "samples": _samples}


def _text(values: dict[str, float]) -> str:
    return f"{values['median']:.2f} ({values['low']:.2f}–{values['high']:.2f})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
