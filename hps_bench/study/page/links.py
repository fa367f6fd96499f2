"""Personal links: who has one opens the page as that rater."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from hps_bench.errors import UserError, nearest
from hps_bench.records import atomic_path
from hps_bench.study.assignment import Assignment
from hps_bench.study.key import OWNER_ONLY
from hps_bench.study.page.security import digest, new_token
from hps_bench.study.page.store import Store

LINKS = "links.csv"
_COLUMNS = ["rater", "link"]


def write_links(
    store: Store,
    assignment: Assignment,
    address: str,
    path: Path,
    renew: Collection[str] = (),
) -> list[str]:
    """Give a link to every rater who has none, and write the file of all links.

    Links in the file stay as they are, under the given address. The store keeps only their
    digests, so the link of a rater who is no longer in the file can be renewed, not repeated.

    Args:
        store: of the study.
        assignment: names the raters.
        address: of the page as browsers reach it, for example ``https://study.example.org``.
        path: CSV to write; only its owner may read it.
        renew: raters whose link ends and who get a new one.

    Returns:
        Raters who got a new link.

    Raises:
        UserError: the address is none, a rater is unknown, or one has a link that is not in the
            file.
    """
    raters = [packet.rater for packet in assignment.raters]
    if unknown := [rater for rater in renew if rater not in raters]:
        raise UserError(f"--renew {unknown[0]}: no such rater; {nearest(unknown[0], raters)}")
    tokens = _read_tokens(path)
    valid = store.links()
    new = sorted((set(raters) - set(valid)) | set(renew))
    kept = {rater for rater in valid if digest(tokens.get(rater, "")) == valid[rater]}
    if lost := [rater for rater in raters if rater not in {*kept, *new}]:
        raise UserError(
            f"{path}: the link that {lost[0]} was given is not there; --renew {lost[0]} makes one"
        )
    tokens.update((rater, new_token()) for rater in new)
    # The file first: a link that nobody can use yet does no harm, one that nobody knows does.
    _write(path, check_address(address), {rater: tokens[rater] for rater in raters})
    for rater in new:
        store.set_link(rater, digest(tokens[rater]))
    return new


def check_address(address: str) -> str:
    """An address of the page, without a slash at its end.

    Raises:
        UserError: it is not that of a web server's root.
    """
    try:
        parts = urlsplit(address.rstrip("/"))
        is_root = bool(parts.hostname) and not (parts.path or parts.query or parts.fragment)
        usable = parts.scheme in ("http", "https") and is_root and parts.username is None
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise UserError(
            f"--address {address}: write the page's root, for example https://study.example.org"
        )
    return address.rstrip("/")


def _read_tokens(path: Path) -> dict[str, str]:
    """Tokens by rater of the file that is there."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if any(set(row) != set(_COLUMNS) or "/r/" not in (row["link"] or "") for row in rows):
        raise UserError(f"{path}: no file of links (columns rater, link); move it away")
    return {row["rater"]: row["link"].rpartition("/r/")[2] for row in rows}


def _write(path: Path, address: str, tokens: Mapping[str, str]) -> None:
    with (
        atomic_path(path, OWNER_ONLY) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        rows.writerows((rater, f"{address}/r/{token}") for rater, token in tokens.items())
