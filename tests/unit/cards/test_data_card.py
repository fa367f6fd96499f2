from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard
from hypothesis import HealthCheck, given, settings

from hps_bench.cards.stage import write_cards
from hps_bench.integrity import file_digest
from hps_bench.prompts.settings import DatasetSettings, FileSource, HubSource
from hps_bench.safe_text import visible_text
from tests.unit.cards.fabricated import FILES, HUB, TOY, job, write_prompts, write_summary
from tests.unit.cards.reading import Page, read
from tests.unit.hostile.texts import hostile_text
from tests.unit.tables.fabricated import cell

SAFER = DatasetSettings(
    format="pku-saferlhf",
    preference="safer",
    source=HubSource(
        hub="PKU-Alignment/PKU-SafeRLHF", revision="0123abc", splits={"train": "train"}
    ),
)


def card_of(results: Path, name: str, of: DatasetSettings, **counts: Any) -> Any:
    """The card of a data set with these counts."""
    folder = results / "prompts" / name
    write_summary(folder, of, **counts)
    write_cards(job(cell(trained_on=name), datasets={name: of}), results)
    return DatasetCard.load(folder / "README.md")


def test_rows_of_a_real_set_add_up(tmp_path: Path) -> None:
    """The toy world's 60 pairs, as the prompts stage splits them."""
    folder = write_prompts(tmp_path, "toy-dialogue")
    write_cards(job(cell(trained_on="toy-dialogue"), datasets={"toy-dialogue": TOY}), tmp_path)
    card: Any = DatasetCard.load(folder / "README.md")
    lines = card.text.split("| Rows | Number |")[1].split("\n\n")[0].splitlines()[2:]
    read_rows, *others = (int(line.split("|")[2]) for line in lines)
    assert read_rows == sum(others) == 60
    assert others[-1] > 40
    assert f"`{file_digest(folder / 'prompts.parquet')}`" in card.text
    assert card.data.license == "mit"
    assert card.data.language is None
    assert card.data.size_categories == "n<1K"


def test_what_was_dropped_is_counted_by_reason(tmp_path: Path) -> None:
    malformed = {"the two responses are equal": {"rows": 4, "first": ["a.jsonl:1", "a.jsonl:9"]}}
    of = HUB.model_copy(update={"max_prompt_characters": 500, "test_limit": 20})
    text = card_of(
        tmp_path,
        "hh-rlhf",
        of,
        rows_read=110_000,
        malformed=malformed,
        over_long=7,
        leaking=6,
        duplicates=5,
        further_pairs=3,
        over_limit={"train": 0, "validation": 0, "test": 80},
        kept={"train": 100_000, "validation": 9_000, "test": 20},
    ).text
    assert "| read | 110000 |" in text
    assert "| malformed: the two responses are equal | 4 |" in text
    assert "| left out: prompt of more than 500 characters | 7 |" in text
    assert "| left out: prompt and responses were seen before | 5 |" in text
    assert "| left out: over the limit of their split | 80 |" in text
    assert "| kept | 109020 |" in text
    assert "(the two responses are equal): a.jsonl:1, a.jsonl:9." in text
    assert "| test | 20 | the source | 20 |" in text
    assert (
        "| validation | 9000 | 5 % of the opening turns of train, by their hash | no limit |"
        in text
    )


def test_a_set_of_the_hub_has_its_licence_and_a_warning(tmp_path: Path) -> None:
    """Licences as the hub's own cards of both sets give them."""
    card = card_of(tmp_path, "hh-rlhf", HUB)
    assert (card.data.license, card.data.language) == ("mit", "en")
    assert card.data.source_datasets == ["Anthropic/hh-rlhf"]
    assert "can be offensive or upsetting" in card.text
    assert "arXiv:2204.05862" in card.text
    assert "| revision | `main` |" in card.text
    other = card_of(tmp_path, "pku-saferlhf", SAFER)
    assert other.data.license == "cc-by-nc-4.0"
    assert "| the preferred response is | the safer one |" in other.text


def test_files_of_unknown_origin_have_no_licence(tmp_path: Path) -> None:
    card = card_of(tmp_path, "hh-rlhf", FILES)
    assert (card.data.license, card.data.language, card.data.source_datasets) == (None, None, None)
    assert "If they are from `Anthropic/hh-rlhf`, its licence binds: `mit`." in card.text
    assert "can be offensive or upsetting" in card.text


@pytest.mark.parametrize(
    ("prompts", "category"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (160_800, "100K<n<1M"), (10**7, None)],
)
def test_size_has_the_category_of_the_hub(
    tmp_path: Path, prompts: int, category: str | None
) -> None:
    kept = {"train": prompts, "validation": 0, "test": 0}
    assert card_of(tmp_path, "hh-rlhf", HUB, kept=kept).data.size_categories == category


@given(hostile_text)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_names_of_files_are_shown_as_text(tmp_path: Path, text: str) -> None:
    name = text.encode(errors="ignore").decode() + "z"
    plain, found = _page(tmp_path, "plain"), _page(tmp_path, name)
    assert found.elements == plain.elements
    assert found.text.count(visible_text(name)) >= 3


def _page(results: Path, name: str) -> Page:
    source = FileSource.model_validate({"files": [name]})
    of = FILES.model_copy(update={"source": source})
    malformed = {f"column {name!s} is missing": {"rows": 1, "first": [f"{name}:1"]}}
    return read(card_of(results, "hh-rlhf", of, malformed=malformed).text)
