"""Hostile rows and files: taken as they are, counted as malformed, or refused in one line."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hps_bench.errors import UserError
from hps_bench.prompts.reading import rows_of_files
from hps_bench.prompts.settings import DatasetSettings, FileSource
from hps_bench.prompts.stage import build_prompts
from hps_bench.records import read_rows
from hps_bench.schemas import PROMPTS
from tests.unit.hostile.texts import HOSTILE, hostile_text
from tests.unit.prompts.builders import hh_row

fuzz = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HPS_BENCH_DATA", str(tmp_path))
    return tmp_path


def write_rows_as(ending: str, path: Path, rows: list[dict[str, Any]]) -> None:
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return
    lines = "\n".join(map(json.dumps, rows))
    text = lines if "jsonl" in ending else f"[{lines.replace(chr(10), ',')}]"
    data = text.encode()
    path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)


def pku(prompt: str, first: str, second: str = "another") -> dict[str, Any]:
    return {
        "prompt": prompt,
        "response_0": first,
        "response_1": second,
        "better_response_id": 0,
        "safer_response_id": 1,
    }


def built(folder: Path, *, strict: bool = False) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows and summary of the stage on ``train.jsonl`` and ``test.jsonl``."""
    source = FileSource.model_validate({"files": {s: [f"{s}.*"] for s in ("train", "test")}})
    given_settings = DatasetSettings(
        format="pku-saferlhf", source=source, strict=strict, validation_fraction=0
    )
    summary = build_prompts(given_settings, folder / "out")
    return list(read_rows(folder / "out" / "prompts.parquet", PROMPTS)), summary


def one_line(folder: Path, *globs: str) -> str:
    with pytest.raises(UserError) as caught:
        list(rows_of_files(globs))
    assert str(folder) in str(caught.value)
    return str(caught.value)


@given(st.lists(st.tuples(hostile_text, hostile_text), min_size=1, max_size=8))
@fuzz
def test_text_is_kept_as_it_is_or_the_row_is_malformed(
    folder: Path, texts: list[tuple[str, str]]
) -> None:
    rows = [pku(f"{number} {prompt}", reply) for number, (prompt, reply) in enumerate(texts)]
    write_rows_as(".jsonl", folder / "train.jsonl", [*rows, pku("a last one", "fine")])
    write_rows_as(".jsonl", folder / "test.jsonl", [pku("tested", "fine")])
    kept, summary = built(folder)
    found = [(row["messages"][0]["content"], row["chosen"]) for row in kept[1:-1]]
    usable = [row for row in rows if is_usable(row)]
    assert found == [(row["prompt"].strip(), row["response_0"].strip()) for row in usable]
    assert sum(of["rows"] for of in summary["malformed"].values()) == len(rows) - len(usable)


def is_usable(row: dict[str, Any]) -> bool:
    """By the documented rules: no lone surrogate, no text of white space alone."""
    texts = [row["prompt"], row["response_0"]]
    surrogate = any("\ud800" <= character <= "\udfff" for text in texts for character in text)
    return not surrogate and all(text.strip() for text in texts)


def test_null_bytes_are_text_and_lone_surrogates_are_malformed(folder: Path) -> None:
    rows = [pku("a\x00b", "\x00"), pku("half \ud800", "x"), pku("x", "half \udc00"), pku("y", "z")]
    write_rows_as(".jsonl", folder / "train.jsonl", rows)
    write_rows_as(".jsonl", folder / "test.jsonl", [pku("tested", "fine")])
    kept, summary = built(folder)
    assert [row["messages"][0]["content"] for row in kept] == ["tested", "a\x00b", "y"]
    assert kept[1]["chosen"] == "\x00"
    assert {reason: of["rows"] for reason, of in summary["malformed"].items()} == {
        "column 'prompt' holds a lone surrogate": 1,
        "column 'response_0' holds a lone surrogate": 1,
    }
    with pytest.raises(UserError, match=r"train\.jsonl:2: column 'prompt' holds a lone surrogate;"):
        built(folder, strict=True)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_hostile_text_comes_through_every_kind_of_file(folder: Path, ending: str) -> None:
    rows = [{"a": text} for text in HOSTILE]
    write_rows_as(ending, folder / f"x{ending}", rows)
    assert [row for _, row in rows_of_files([f"x{ending}"])] == rows


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_line_of_a_megabyte(folder: Path, ending: str) -> None:
    row = hh_row("\n\nHuman" * 140_000, chosen="=" * 10**6)
    write_rows_as(ending, folder / f"x{ending}", [row])
    start = time.monotonic()
    assert [row for _, row in rows_of_files([f"x{ending}"])] == [row]
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("ending", ENDINGS[:-1])
@pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 100_000, "[" * 10**5 + "]" * 10**5])
def test_deep_json_is_refused(folder: Path, ending: str, deep: str) -> None:
    row = f'{{"chosen": {deep}'
    data = (row if "jsonl" in ending else f"[{row}").encode()
    path = folder / f"x{ending}"
    path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
    assert ":1: not JSON (maximum recursion depth" in one_line(folder, path.name)


@given(data=st.data())
@fuzz
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_damaged_file_is_read_or_refused_in_one_line(
    folder: Path, ending: str, data: st.DataObject
) -> None:
    path = folder / f"x{ending}"
    write_rows_as(ending, path, [{"a": "text", "b": 1, "c": ["x"]}] * 3)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    told, rows = str(path), []
    try:
        rows = [row for _, row in rows_of_files([path.name])]
    except UserError as error:
        told = str(error)
    assert str(path) in told
    assert all(isinstance(row, dict) for row in rows)


UNREADABLE = {
    "a date after the last year": pa.array([2**31 - 1], pa.int32()).cast(pa.date32()),
    "a time after the last year": pa.array([2**62], pa.timestamp("us")),
    "a time of no zone": pa.array([0], pa.timestamp("us", tz="Mars/Phobos")),
    "a vast duration": pa.array([2**62], pa.duration("s")),
    "two fields of one name": pa.StructArray.from_arrays(
        [pa.array([1]), pa.array([2])], names=["x", "x"]
    ),
    "bytes that are no text": pa.Array.from_buffers(
        pa.string(),
        1,
        [None, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff")],
    ),
}


@pytest.mark.parametrize("column", UNREADABLE.values(), ids=UNREADABLE)
def test_parquet_that_python_has_no_values_for(folder: Path, column: pa.Array) -> None:
    pq.write_table(pa.table({"a": column}), folder / "x.parquet")
    assert "x.parquet: damaged parquet (" in one_line(folder, "x.parquet")


def test_a_file_whose_name_is_no_text(folder: Path) -> None:
    try:
        (folder / "a\udcff.jsonl").write_text('{"a": 1}\n')
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    assert "aU+DCFF.jsonl: the name is not UTF-8; rename it" in one_line(folder, "*.jsonl")
