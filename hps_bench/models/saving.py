"""Write a model folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hps_bench.integrity import DECISIVE, seal_folder

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def save_model(
    model: PreTrainedModel | PeftModel, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> None:
    """Write weights (safetensors), configuration and tokenizer, with their digests.

    An earlier model of the folder is removed: an old adapter would be taken for the policy.

    Raises:
        OSError: the folder cannot be written.
    """
    for pattern in DECISIVE:
        for path in folder.glob(pattern):
            path.unlink()
    with system_errors(folder):
        tokenizer.save_pretrained(folder)
    save_weights(model, folder)


def save_weights(model: PreTrainedModel | PeftModel, folder: Path) -> None:
    """Write weights (safetensors) and configuration, with the digests of the whole folder.

    Raises:
        OSError: the folder cannot be written.
    """
    for adapter in getattr(model, "peft_config", {}).values():
        # A set, which PEFT writes in an order that differs between processes.
        adapter.target_modules = sorted(adapter.target_modules)
    with system_errors(folder):
        model.save_pretrained(folder)
    # PEFT's form with nothing filled in; the cards stage writes the model's card.
    (folder / "README.md").unlink(missing_ok=True)
    seal_folder(folder)


@contextmanager
def system_errors(folder: Path) -> Iterator[None]:
    """Have what safetensors and tokenizers say of a full disk be an error of the system.

    They raise classes of their own, with its number in the text.

    Raises:
        OSError: the folder cannot be written.
    """
    try:
        yield
    except Exception as error:
        if found := re.search(r"\(os error (\d+)\)", str(error)):
            number = int(found[1])
            raise OSError(number, os.strerror(number), str(folder)) from None
        raise
