"""What is known of the data sets that HPS-Bench reads: licence, language, authors' warnings."""

from __future__ import annotations

from dataclasses import dataclass

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from hps_bench.prompts.settings import DatasetSettings, HubSource, ToySource


@dataclass(frozen=True)
class Origin:
    """A published preference data set.

    Attributes:
        title: as its authors call it.
        hub: its id on the Hugging Face hub; empty for the toy world.
        licence: id of its licence, as the hub writes it.
        language: ISO 639-1 code; None for an artificial language.
        citation: authors, year and arXiv id; empty for the toy world.
        caution: what its reader should know beforehand.
    """

    title: str
    hub: str
    licence: str
    language: str | None
    citation: str
    caution: str


_OFFENSIVE = (
    "The texts can be offensive or upsetting: people tried to have models say what is abusive, "
    "violent, hateful, sexual or dangerous, and some responses do so."
)

ORIGINS = {
    "hh-rlhf": Origin(
        "HH-RLHF",
        "Anthropic/hh-rlhf",
        "mit",
        "en",
        "Bai et al. 2022, arXiv:2204.05862",
        f"{_OFFENSIVE} Its authors mean it for preference models, not for supervised training "
        "of dialogue agents.",
    ),
    "pku-saferlhf": Origin(
        "PKU-SafeRLHF",
        "PKU-Alignment/PKU-SafeRLHF",
        "cc-by-nc-4.0",
        "en",
        "Ji et al. 2024, arXiv:2406.15513",
        f"{_OFFENSIVE} The licence excludes commercial use.",
    ),
    "toy": Origin(
        "the toy world of HPS-Bench",
        "",
        "mit",
        None,
        "",
        "The text is a small artificial language of English words. Some prompts ask for harm, in "
        "sentences of a few words.",
    ),
}
"""By the format of rows."""


def origin_of(settings: DatasetSettings) -> Origin | None:
    """The published data set that a source is; None where that is not known."""
    known = ORIGINS[settings.format]
    source = settings.source
    is_it = isinstance(source, ToySource) or hub_id(settings) == known.hub
    return known if is_it else None


def hub_id(settings: DatasetSettings) -> str | None:
    """Id of a data set on the hub; None where its rows come from elsewhere."""
    return settings.source.hub if isinstance(settings.source, HubSource) else None


def is_hub_id(name: str) -> bool:
    """Whether a name may be one of the hub, which refuses cards with any other."""
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return name.count("/") == 1
