from __future__ import annotations

import csv
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hps_bench.errors import UserError
from hps_bench.study.page.links import check_address, write_links
from hps_bench.study.page.store import Store
from tests.unit.study.page.raters import small_assignment

ASSIGNMENT = small_assignment(raters=3)
HERE = "http://127.0.0.1:8400"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "page.sqlite", ASSIGNMENT)
    yield store
    store.close()


def links(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["rater"]: row["link"] for row in csv.DictReader(file)}


def test_every_rater_has_a_link_of_256_bits(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    assert write_links(store, ASSIGNMENT, HERE, path) == ["rater-001", "rater-002", "rater-003"]
    tokens = {link.removeprefix(f"{HERE}/r/") for link in links(path).values()}
    assert len(tokens) == 3
    assert {len(token) for token in tokens} == {43}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_store_holds_digests_alone(store: Store, tmp_path: Path) -> None:
    write_links(store, ASSIGNMENT, HERE, tmp_path / "links.csv")
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("page.sqlite*"))
    for rater, link in links(tmp_path / "links.csv").items():
        token = link.rpartition("/")[2]
        assert token.encode() not in kept
        assert store.links()[rater].encode() in kept
        assert store.open_session(store.links()[rater], f"session of {rater}") == rater


def test_links_stay_and_move_with_the_page(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    write_links(store, ASSIGNMENT, HERE, path)
    before = links(path)
    assert write_links(store, ASSIGNMENT, "https://study.example.org/", path) == []
    moved = {
        rater: link.replace(HERE, "https://study.example.org") for rater, link in before.items()
    }
    assert links(path) == moved


def test_one_link_is_renewed(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    write_links(store, ASSIGNMENT, HERE, path)
    before, valid = links(path), store.links()
    assert write_links(store, ASSIGNMENT, HERE, path, ["rater-002"]) == ["rater-002"]
    assert {rater for rater in before if before[rater] != links(path)[rater]} == {"rater-002"}
    assert {rater for rater in valid if valid[rater] != store.links()[rater]} == {"rater-002"}


def test_a_lost_or_foreign_file_is_named(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    write_links(store, ASSIGNMENT, HERE, path)
    path.write_text("rater,link\nrater-001,http://127.0.0.1:8400/r/another\n", encoding="utf-8")
    (tmp_path / ".sha256" / "links.csv.sha256").unlink()
    for file in (path, tmp_path / "none.csv"):
        with pytest.raises(UserError, match="rater-001 was given is not there; --renew rater-001"):
            write_links(store, ASSIGNMENT, HERE, file)
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UserError, match="no file of links"):
        write_links(store, ASSIGNMENT, HERE, path)
    names = [packet.rater for packet in ASSIGNMENT.raters]
    assert write_links(store, ASSIGNMENT, HERE, tmp_path / "new.csv", names) == names


def test_an_unknown_rater(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--renew rater-01: no such rater; did you mean"):
        write_links(store, ASSIGNMENT, HERE, tmp_path / "links.csv", ["rater-01"])
    assert store.links() == {}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "study.example.org",
        "ftp://a.b",
        "https://a.b/study",
        "https://u@a.b",
        "https://a:x",
        "http://[a",
    ],
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(UserError, match="--address"):
        check_address(address)
