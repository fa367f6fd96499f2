"""By what and when something was made, as a card says it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hps_bench.cards.markdown import Markdown, code_span, table

_DIRTY = "-dirty"


def provenance(manifest: Mapping[str, Any]) -> Markdown:
    """Commit, time and versions of a manifest; the machine's name is left out."""
    started = datetime.fromtimestamp(manifest["started"], UTC)
    rows: list[tuple[str, object]] = [
        ("code", _commit(manifest["git_commit"])),
        ("started", f"{started:%Y-%m-%d %H:%M} UTC"),
        ("Python", manifest["python"]),
        *manifest["versions"].items(),
    ]
    return table(("Made by", ""), rows)


def digests(of: Mapping[str, str]) -> Markdown:
    """SHA-256 by file."""
    rows = ((code_span(name), code_span(digest)) for name, digest in of.items())
    return table(("File", "SHA-256"), rows)


def _commit(commit: str | None) -> Markdown | str:
    if commit is None:
        return "a package without a git checkout"
    changed = " and changes that were not committed" if commit.endswith(_DIRTY) else ""
    return Markdown(f"git commit {code_span(commit.removesuffix(_DIRTY))}{changed}")
