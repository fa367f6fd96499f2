"""Files between stages: parquet with a declared schema, and JSON, written atomically."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hps_bench.errors import UserError
from hps_bench.integrity import announce, check, file_digest

Row = Mapping[str, Any]


@contextmanager
def atomic_path(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Yield a temporary name beside ``path`` and rename it once the block has succeeded.

    Readers see the old file or the whole new one, also after a power cut, and notice when the
    file is damaged later.

    Args:
        path: file to write.
        mode: its permissions; those that the process gives new files where this is None.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask() if mode is None else mode)
        announce(path, file_digest(temporary))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file with sorted keys; NaN and infinities are refused."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: the file is missing, damaged or not JSON.
    """
    try:
        check(path)
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the stage that writes it") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}); delete it and run its stage again") from None


def write_rows(path: Path, rows: Iterable[Row], schema: pa.Schema, *, chunk: int = 4096) -> int:
    """Stream rows into a parquet file (zstd) and return how many there were.

    Raises:
        UserError: a row does not fit the schema; no file is left behind.
    """
    written = 0
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for batch in _chunks(rows, chunk):
            table = _as_table(batch, schema, path)
            _check_values(table, path, first_row=written)
            writer.write_table(table)
            written += len(batch)
    return written


def read_rows(path: Path, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    """Stream the rows of a parquet file whose schema must be the declared one.

    Raises:
        UserError: file, column or row at fault, in one line.
    """
    first_row = 0
    for batch in _batches(path, schema):
        table = pa.Table.from_batches([batch])
        _check_values(table, path, first_row=first_row)
        first_row += table.num_rows
        yield from table.to_pylist()


def _batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; run the stage that writes it")
    check(path)
    try:
        with pq.ParquetFile(path) as file:
            _check_schema(file.schema_arrow, schema, path)
            yield from file.iter_batches(batch_size=4096)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: damaged parquet ({reason}); delete it and run again") from None


def _check_schema(found: pa.Schema, declared: pa.Schema, path: Path) -> None:
    for field in declared:
        if field.name not in found.names:
            raise UserError(f"{path}: column {field.name!r} is missing; run its stage again")
        if found.field(field.name).type != field.type:
            kind = found.field(field.name).type
            raise UserError(f"{path}: column {field.name!r} is {kind}, expected {field.type}")


def _as_table(rows: Sequence[Row], schema: pa.Schema, path: Path) -> pa.Table:
    try:
        return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: rows do not fit the schema ({reason})") from None


def _check_values(table: pa.Table, path: Path, *, first_row: int) -> None:
    """Refuse nulls in columns declared without them, and floats that are not finite."""
    for field in table.schema:
        column = table.column(field.name)
        bad = pc.is_null(column) if not field.nullable else None
        if pa.types.is_floating(field.type):
            infinite = pc.invert(pc.is_finite(column)).fill_null(False)
            bad = infinite if bad is None else pc.or_(bad, infinite)
        if bad is not None and pc.any(bad).as_py():
            row = pc.index(bad, True).as_py()
            value = column[row].as_py()
            raise UserError(
                f"{path}: column {field.name!r}, row {first_row + row}: {value!r} is not allowed"
            )


def _chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
