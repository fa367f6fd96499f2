"""The ``study simulate`` command: simulated raters rate on the real page, over HTTP."""

from __future__ import annotations

import csv
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from hps_bench.errors import UserError
from hps_bench.study.assignment import ASSIGNMENT, Assignment, read_assignment
from hps_bench.study.key import KEY, read_key
from hps_bench.study.page.database import STORE
from hps_bench.study.page.export import export_ratings
from hps_bench.study.page.links import LINKS, write_links
from hps_bench.study.page.server import running
from hps_bench.study.page.store import Store
from hps_bench.study.ratings import RATINGS_FILE, SIMULATED, refuse_other_source
from hps_bench.study.settings import StudySettings
from hps_bench.study.simulated import SimulatedRater, simulated_raters
from hps_bench.study.visiting import rate_everything

_AT_ONCE = 20
"""Raters who are on the page at the same time."""


def simulate_study(folder: Path, settings: StudySettings) -> dict[str, object]:
    """Have simulated raters rate everything, and write ``ratings.parquet``.

    The page's store is made for this and removed: that of people is not touched.

    Args:
        folder: of the study, with its assignment and key.
        settings: of the study.

    Returns:
        Counts of raters and ratings, and who was careless.

    Raises:
        UserError: the config has no simulated raters, or people have rated already.
    """
    if settings.simulated is None:
        raise UserError("study.simulated: null, so people rate; give it to simulate raters")
    _refuse_beside_people(folder)
    assignment = read_assignment(folder / ASSIGNMENT)
    key = read_key(folder / KEY, assignment.digest)
    raters = simulated_raters(assignment, key, settings.simulated, settings.seed)
    with tempfile.TemporaryDirectory(prefix="hps-bench-study-") as scratch:
        counts = _rate(assignment, raters, Path(scratch), folder / RATINGS_FILE)
    careless = [rater.rater for rater in raters if rater.careless]
    return {"simulated": True, **counts, "careless": careless}


def _rate(
    assignment: Assignment, raters: list[SimulatedRater], scratch: Path, output: Path
) -> dict[str, int]:
    """Serve the page, let all raters rate, and export what it has saved."""
    store_file = scratch / STORE
    with running(assignment, store_file, SIMULATED) as address:
        with closing(Store.open(store_file, assignment)) as store:
            write_links(store, assignment, address, scratch / LINKS)
        links = _links(scratch / LINKS)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # As a list, so that the first error of a rater ends the simulation.
            list(pool.map(lambda of: rate_everything(of, links[of.rater], assignment), raters))
    return export_ratings(store_file, assignment, output)


def _links(file: Path) -> dict[str, str]:
    with file.open(encoding="utf-8", newline="") as rows:
        return {row["rater"]: row["link"] for row in csv.DictReader(rows)}


def _refuse_beside_people(folder: Path) -> None:
    if (folder / STORE).exists():
        raise UserError(
            f"{folder / STORE}: people rate in this folder; simulate in another one, or move it"
        )
    refuse_other_source(folder / RATINGS_FILE, SIMULATED)
