"""The data card of a data set: where it is from, what was kept and dropped, its splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCardData

from hps_bench.cards.findings import recorded_digest
from hps_bench.cards.markdown import Markdown, card_templates, code_span, table
from hps_bench.cards.origins import ORIGINS, hub_id, origin_of
from hps_bench.cards.provenance import digests, provenance
from hps_bench.prompts.settings import (
    DatasetSettings,
    FileSource,
    HubSource,
    SplitName,
    ToySource,
)
from hps_bench.prompts.survey import SPLITS
from hps_bench.records import read_json
from hps_bench.stages import MANIFEST
from hps_bench.tables.layout import dataset_title

_SIZES = {
    10**3: "n<1K",
    10**4: "1K<n<10K",
    10**5: "10K<n<100K",
    10**6: "100K<n<1M",
    10**7: "1M<n<10M",
}
"""Categories of the hub, by the size that they end below."""

_REASONS = {
    "leaking": "its opening turn is in the source's test or validation split, the row is not",
    "duplicates": "prompt and responses were seen before",
    "further_pairs": "the prompt was seen before, with other responses",
}


def data_card(name: str, settings: DatasetSettings, folder: Path) -> str:
    """Data card of a data set, with the metadata that the Hugging Face hub reads.

    Args:
        name: of the data set in the config.
        settings: source, and which of its rows are used.
        folder: with ``prompts.parquet``, its summary and manifest.

    Raises:
        UserError: a record is missing or damaged.
    """
    summary, manifest = read_json(folder / "summary.json"), read_json(folder / MANIFEST)
    prompts = folder / "prompts.parquet"
    text = (
        card_templates()
        .get_template("data.md")
        .render(
            title=dataset_title(name),
            settings=settings,
            origin=origin_of(settings),
            published=ORIGINS[settings.format],
            source=table(("Source", ""), _source(settings)),
            splits=table(("Split", "Prompts", "From", "Limit"), _splits(settings, summary)),
            rows=table(("Rows", "Number"), _rows(settings, summary)),
            malformed=summary["malformed"],
            digests=digests({prompts.name: recorded_digest(prompts)}),
            made_by=provenance(manifest),
        )
    )
    metadata = _metadata(name, settings, sum(summary["kept"].values()))
    return f"---\n{metadata.to_yaml()}\n---\n\n{text}"


def _metadata(name: str, settings: DatasetSettings, prompts: int) -> DatasetCardData:
    origin, hub = origin_of(settings), hub_id(settings)
    return DatasetCardData(
        language=origin.language if origin else None,
        license=origin.licence if origin else None,
        pretty_name=dataset_title(name),
        size_categories=next((text for end, text in _SIZES.items() if prompts < end), None),
        source_datasets=[hub] if hub else None,
        task_categories=["text-generation"],
        tags=["hps-bench", "preference-optimization", "human-feedback"],
    )


def _source(settings: DatasetSettings) -> Iterator[tuple[str, object]]:
    match settings.source:
        case HubSource() as source:
            yield "data set on the hub", code_span(source.hub)
            yield "revision", code_span(source.revision)
            if source.data_dir:
                yield "folder", code_span(source.data_dir)
        case FileSource() as source:
            for split, globs in source.files.items():
                yield f"files of {split}", Markdown(", ".join(map(code_span, globs)))
        case ToySource() as source:
            yield "toy world", f"{source.pairs} pairs of {source.toy}, seed {source.seed}"
    yield "rows in the form of", ORIGINS[settings.format].title
    if settings.format == "pku-saferlhf":
        yield "the preferred response is", f"the {settings.preference} one"
    yield "malformed rows", "stop the stage" if settings.strict else "are counted and skipped"


def _splits(settings: DatasetSettings, summary: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for split in SPLITS:
        limit = settings.limits[split]
        yield (
            split,
            summary["kept"][split],
            _split_source(settings, split),
            "no limit" if limit is None else limit,
        )


def _split_source(settings: DatasetSettings, split: SplitName) -> str:
    if split in settings.source_splits and split != "train":
        return "the source"
    shares = {"validation": settings.carved_validation, "test": settings.carved_test}
    if shares.get(split) == 0:
        return "none"
    if split in shares:
        return f"{100 * shares[split]:g} % of the opening turns of train, by their hash"
    return "the source" if not any(shares.values()) else "the rest of the source's train"


def _rows(settings: DatasetSettings, summary: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Every row read is in one of the lines below the first."""
    yield "read", summary["rows_read"]
    for reason, found in summary["malformed"].items():
        yield f"malformed: {reason}", found["rows"]
    if settings.max_prompt_characters is not None:
        over_long = f"left out: prompt of more than {settings.max_prompt_characters} characters"
        yield over_long, summary["over_long"]
    for key, reason in _REASONS.items():
        yield f"left out: {reason}", summary[key]
    yield "left out: over the limit of their split", sum(summary["over_limit"].values())
    yield "kept", sum(summary["kept"].values())
