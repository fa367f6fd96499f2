import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hps_bench.errors import UserError
from hps_bench.integrity import (
    DamagedFileError,
    announce,
    check,
    check_folder,
    file_digest,
    is_whole,
    seal_folder,
)
from hps_bench.records import atomic_path, read_json, write_json


def flip_bit(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_digest_is_sha256_also_after_a_change(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"abc", b"abd"):
        path.write_bytes(content)
        assert file_digest(path) == hashlib.sha256(content).hexdigest()


def test_digest_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file or directory; run the stage"):
        file_digest(tmp_path / "file")


@settings(max_examples=50)
@given(st.integers(0))
def test_any_flipped_bit_is_noticed(tmp_path_factory: pytest.TempPathFactory, bit: int) -> None:
    path = tmp_path_factory.mktemp("flip") / "value.json"
    write_json(path, {"margin": 0.25})
    flip_bit(path, bit % (8 * path.stat().st_size))
    damaged = path.read_bytes()
    with pytest.raises(
        DamagedFileError, match="damaged, its digest has changed; moved to "
    ) as error:
        read_json(path)
    assert "\n" not in str(error.value)
    assert not path.exists()
    assert (path.parent / ".damaged" / "value.json.damaged").read_bytes() == damaged


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda _: b""])
def test_truncated_file_is_noticed(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "value.json"
    write_json(path, [1, 2, 3])
    path.write_bytes(damage(path.read_bytes()))
    assert not is_whole(path)
    assert not path.exists()


def test_file_without_a_digest_passes(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("[1]")
    assert read_json(path) == [1]
    assert is_whole(path)


def test_file_that_is_made_again_passes(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, 1)
    flip_bit(path, 0)
    assert not is_whole(path)
    write_json(path, 1)
    assert read_json(path) == 1


def test_kill_before_the_rename_keeps_the_old_file_valid(tmp_path: Path) -> None:
    path = tmp_path / "value"
    for content in ("first", "second"):
        with atomic_path(path) as temporary:
            temporary.write_text(content)
    announce(path, hashlib.sha256(b"third").hexdigest())
    assert is_whole(path)
    path.write_text("third")
    assert is_whole(path)
    path.write_text("first")
    assert not is_whole(path)


def test_empty_digest_after_a_power_cut_counts_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, 1)
    (tmp_path / ".sha256" / "value.json.sha256").write_bytes(b"")
    assert not is_whole(path)


def test_folder_that_a_library_wrote(tmp_path: Path) -> None:
    for name in ("model.safetensors", "config.json"):
        (tmp_path / name).write_bytes(b"0123")
    seal_folder(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    check_folder(tmp_path)
    flip_bit(tmp_path / "model.safetensors", 17)
    with pytest.raises(DamagedFileError, match=r"model\.safetensors: damaged"):
        check_folder(tmp_path)
    assert names(tmp_path) == [".damaged", ".sha256", "notes.txt"]
    assert names(tmp_path / ".damaged") == ["config.json.damaged", "model.safetensors.damaged"]


def test_part_of_a_model_that_is_gone_is_missed(tmp_path: Path) -> None:
    """Without its template a tokenizer would be loaded, too."""
    for name in ("chat_template.jinja", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"0123")
    seal_folder(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(
        DamagedFileError,
        match=r"chat_template\.jinja: gone, and the rest no use; moved to .*/\.damaged",
    ):
        check_folder(tmp_path)
    assert names(tmp_path) == [".damaged", ".sha256"]


def test_folder_that_is_written_anew_forgets_what_it_had(tmp_path: Path) -> None:
    for name in ("adapter_model.safetensors", "model.safetensors"):
        (tmp_path / name).write_bytes(b"0123")
        seal_folder(tmp_path)
        check_folder(tmp_path)
        (tmp_path / "adapter_model.safetensors").unlink(missing_ok=True)
    assert names(tmp_path / ".sha256") == ["model.safetensors.sha256"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folder_that_is_none_passes(tmp_path: Path) -> None:
    check_folder(tmp_path / "hub" / "id")


def test_damage_where_nothing_can_be_moved(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, 1)
    flip_bit(path, 3)
    (tmp_path / ".damaged").write_text("in the way")
    with pytest.raises(DamagedFileError, match="delete it and run the same command"):
        check(path)
    assert path.exists()
