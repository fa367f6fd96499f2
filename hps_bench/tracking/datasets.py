"""The data that a run read, as MLflow's data sets: name, digest, rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

_LONGEST_DIGEST = 36
_CONTEXTS = {"train": "training", "evaluate": "evaluation"}


def dataset_inputs(results: Path, manifest: Path, stage: str) -> list[DatasetInput]:
    """Parquet files that a run's manifest names as its inputs; none without a manifest.

    MLflow keeps 36 characters of a digest; the whole SHA-256 is a tag of the input.

    Args:
        results: results folder.
        manifest: manifest of the run.
        stage: ``train`` or ``evaluate``.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    context = InputTag("mlflow.data.context", _CONTEXTS.get(stage, stage))
    return [
        DatasetInput(
            Dataset(
                name=name,
                digest=digest[:_LONGEST_DIGEST],
                source_type="local",
                source=json.dumps({"uri": str(results / name)}),
                profile=_profile(results / name),
            ),
            [context, InputTag("sha256", digest)],
        )
        for name, digest in _inputs(results, manifest)
    ]


def _inputs(results: Path, manifest: Path) -> Iterator[tuple[str, str]]:
    """Names below the results folder, with the digests that the run saw."""
    try:
        inputs = json.loads(manifest.read_bytes())["inputs"]
        found = [(str(path), str(digest)) for path, digest in inputs.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
    marker = f"{results.parent.name}/{results.name}/"
    for path, digest in found:
        if path.endswith(".parquet"):
            yield path.rpartition(marker)[2], digest


def _profile(path: Path) -> str | None:
    try:
        return json.dumps({"num_rows": _rows(path, path.stat().st_mtime_ns)})
    except (OSError, pa.ArrowException):
        return None


@lru_cache(maxsize=1024)
def _rows(path: Path, _written: int) -> int:
    return int(pq.read_metadata(path).num_rows)
