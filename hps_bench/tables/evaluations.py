"""Per-prompt records of several seeds, side by side, and their means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hps_bench.errors import UserError
from hps_bench.records import read_rows
from hps_bench.schemas import EVALUATION
from hps_bench.seeding import numpy_generator
from hps_bench.statistics import Interval, corpus_bleu_interval, mean_interval
from hps_bench.tables.settings import TableSettings

BLEU_STATISTICS = "bleu_statistics"

_STATISTICS_WIDTH = 10


def read_evaluations(folders: Iterable[Path]) -> list[pd.DataFrame]:
    """Records of the evaluations that exist, one frame per seed.

    All frames have the same prompts in the same order; a prompt that a seed lacks is a row of
    missing values.

    Raises:
        UserError: a records file is damaged, or names a prompt twice.
    """
    files = (folder / "records.parquet" for folder in folders)
    frames = [_read(file) for file in files if file.is_file()]
    prompts = sorted(set().union(*(frame.index for frame in frames)))
    return [frame.reindex(prompts) for frame in frames]


def interval_of(
    frames: Sequence[pd.DataFrame], column: str, settings: TableSettings, items: Iterable[str]
) -> Interval | None:
    """Mean and interval of one metric; None where no record has it.

    Args:
        frames: one per seed, from :func:`read_evaluations`.
        column: of the records; ``bleu_statistics`` gives corpus BLEU.
        settings: level, number and seed of the resamples.
        items: what the number is about; decides the resamples together with the seed.
    """
    if not any(frame[column].notna().any() for frame in frames):
        return None
    rng = numpy_generator(settings.seed, "tables", column, *items)
    if column == BLEU_STATISTICS:
        statistics = [bleu_statistics(frame[column]) for frame in frames]
        return corpus_bleu_interval(statistics, rng, settings.level, settings.resamples)
    values = [frame[column].to_numpy(dtype=float) for frame in frames]
    return mean_interval(values, rng, settings.level, settings.resamples)


def _read(file: Path) -> pd.DataFrame:
    frame = pd.DataFrame(read_rows(file, EVALUATION), columns=EVALUATION.names)
    repeated = frame["prompt_id"][frame["prompt_id"].duplicated()]
    if len(repeated):
        raise UserError(f"{file}: prompt {repeated.iloc[0]!r} is there twice; evaluate again")
    return frame.set_index("prompt_id")


def bleu_statistics(column: pd.Series) -> NDArray[np.float64]:
    """Sufficient statistics, shape (prompts, 10); a row of NaN where there are none."""
    absent = [np.nan] * _STATISTICS_WIDTH
    return np.array([row if isinstance(row, list) else absent for row in column], dtype=float)
