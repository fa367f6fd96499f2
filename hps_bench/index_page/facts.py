"""What ran: experiments, data, models, versions, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.grid import cells, grid
from hps_bench.models.settings import ModelSource, TrainedModel
from hps_bench.prompts.settings import FileSource, HubSource, ToySource
from hps_bench.records import read_json
from hps_bench.safe_text import without_secrets
from hps_bench.stages import MANIFEST


@dataclass(frozen=True)
class Fact:
    """A line of what ran, or several under one heading."""

    heading: str
    lines: tuple[str, ...]


def facts(config: Config, results: Path) -> list[Fact]:
    """What ran, as headings and lines; headings without lines are left out.

    Raises:
        UserError: a manifest or summary is damaged.
    """
    manifests = _manifests(config, results)
    found = {
        "Experiments": _experiments(config),
        "Data": _data(config, results),
        "Models": _models(config),
        "Judge": _judge(config, results),
        "Trained on": _devices(grid(config), results),
        "Ran": _period(manifests),
        "Code": _commits(manifests),
        "Versions": _versions(manifests),
    }
    told = {heading: tuple(map(without_secrets, lines)) for heading, lines in found.items()}
    return [Fact(heading, lines) for heading, lines in told.items() if lines]


def _experiments(config: Config) -> Iterator[str]:
    for name in config.experiments:
        of = cells(config, name)
        seeds = len({cell.seed for cell in of})
        yield f"{name}: {_count(len(of), 'cell')}, {_count(seeds, 'seed')}"


def _data(config: Config, results: Path) -> Iterator[str]:
    for name, settings in config.datasets.items():
        file = results / "prompts" / name / "summary.json"
        kept = read_json(file).get("kept", {}) if file.is_file() else {}
        counts = [f"{count} {split}" for split, count in kept.items() if count]
        prompts = f"; prompts: {', '.join(counts)}" if counts else ""
        yield f"{name}: {_source(settings.source)}{prompts}"


def _source(source: HubSource | FileSource | ToySource) -> str:
    match source:
        case HubSource():
            return f"{source.hub} at {source.revision}"
        case ToySource():
            return f"toy world, {source.toy}, seed {source.seed}"
        case FileSource():
            return f"files: {', '.join(glob for of in source.files.values() for glob in of)}"


def _models(config: Config) -> Iterator[str]:
    for part, model in config.models:
        yield f"{part}: {_model(model)}"


def _model(model: ModelSource | TrainedModel) -> str:
    if isinstance(model, TrainedModel):
        train = model.train
        return f"trained here ({train.objective}, {_count(train.steps, 'step')}, seed {train.seed})"
    revision = f" at {model.revision}" if model.revision else ""
    return f"{model.path}{revision}, {model.dtype}"


def _judge(config: Config, results: Path) -> Iterator[str]:
    for name in config.datasets:
        file = results / "judge" / name / "summary.json"
        if file.is_file():
            summary = read_json(file)
            yield f"{name}: {summary.get('judge')}, {summary.get('aggregate')} of the samples"


def _devices(of: Iterable[Cell], results: Path) -> Iterator[str]:
    files = {results / "policies" / cell.policy_path / "training.json" for cell in of}
    records = [read_json(file) for file in sorted(files) if file.is_file()]
    used = sorted({f"{record.get('device')} × {record.get('processes')}" for record in records})
    seconds = sum(record.get("device_seconds", 0.0) for record in records)
    if records:
        yield ", ".join(used)
        yield f"{_count(len(records), 'policy', 'policies')}, {duration(seconds)} of device time"


def _period(manifests: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    started = [m["started"] for m in manifests if "started" in m]
    ended = [m["started"] + m.get("wall_seconds", 0.0) for m in manifests if "started" in m]
    if started:
        yield f"{_moment(min(started))} to {_moment(max(ended))}"


def _commits(manifests: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from sorted({m["git_commit"] for m in manifests if m.get("git_commit")})


def _versions(manifests: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Versions by package; several where not all ran with the same."""
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        named = {"python": manifest.get("python", ""), **manifest.get("versions", {})}
        for name, version in named.items():
            found.setdefault(name, set()).add(version)
    if found:
        yield ", ".join(f"{name} {' and '.join(sorted(of))}" for name, of in sorted(found.items()))


def _manifests(config: Config, results: Path) -> list[dict[str, Any]]:
    """Manifests of the prompts, policies and evaluations of a config."""
    of = grid(config)
    folders = dict.fromkeys(
        [
            *(f"prompts/{name}" for name in config.datasets),
            *(f"policies/{cell.policy_path}" for cell in of),
            *(
                f"evaluations/{p}"
                for cell in of
                for p in (cell.baseline_path, cell.evaluation_path)
            ),
        ]
    )
    files = (results / folder / MANIFEST for folder in folders)
    return [read_json(file) for file in files if file.is_file()]


def duration(seconds: float) -> str:
    """Seconds for people, for example ``3 h 05 min``, ``4 min 10 s`` or ``9.3 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"
