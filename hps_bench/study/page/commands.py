"""What the page's commands do in the folder of a study."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from hps_bench.errors import UserError
from hps_bench.study.assignment import ASSIGNMENT, read_assignment
from hps_bench.study.page.database import STORE
from hps_bench.study.page.export import export_ratings
from hps_bench.study.page.links import LINKS, check_address, write_links
from hps_bench.study.page.server import is_loopback, listening, serve
from hps_bench.study.page.store import Store
from hps_bench.study.ratings import RATINGS_FILE


def make_links(study: Path, address: str | None, port: int, renew: Sequence[str]) -> dict[str, int]:
    """Give links to raters who have none, and to those to be renewed.

    Returns:
        Numbers of raters and of new links.

    Raises:
        UserError: as :func:`write_links`; or the study's files do not belong together.
    """
    assignment = read_assignment(study / ASSIGNMENT)
    with closing(Store.open(study / STORE, assignment)) as store:
        where = address or _here(port)
        new = write_links(store, assignment, where, study / LINKS, renew)
    return {"raters": len(assignment.raters), "new_links": len(new)}


def serve_study(study: Path, address: str | None, host: str, port: int) -> None:
    """Serve the page until the process is told to end.

    Raises:
        UserError: the port is taken, the address is none or needed, or the study's files do not
            belong together.
    """
    if address is None and not is_loopback(host):
        raise UserError(
            f"--host {host}: browsers elsewhere would all be refused (421) without the page's "
            "address; give it, for example --address https://rate.example.org"
        )
    assignment = read_assignment(study / ASSIGNMENT)
    where = check_address(address or _here(port))
    with closing(Store.open(study / STORE, assignment)) as store, listening(host, port) as taken:
        _say(f"Rating page of {assignment.study!r} at {where}; Ctrl+C ends it.")
        if left := len(assignment.raters) - len(store.links()):
            _say(f"{left} raters have no link yet: hps-bench study links --study {study}")
        if not is_loopback(host) and where.startswith("http:"):
            _say("Links and scores cross the network unencrypted: put a proxy with HTTPS before.")
        serve(assignment, store, taken, where)


def export_study(study: Path, output: Path | None) -> dict[str, int]:
    """Write the ratings that the page has saved.

    Raises:
        UserError: nothing has been saved yet, or the study's files do not belong together.
    """
    assignment = read_assignment(study / ASSIGNMENT)
    return export_ratings(study / STORE, assignment, output or study / RATINGS_FILE)


def _here(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
