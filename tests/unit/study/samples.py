"""Results folders with prompts and samples that say who wrote them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hps_bench.records import write_rows
from hps_bench.schemas import PROMPTS, SAMPLES
from hps_bench.study.settings import StudyJob, StudySettings

POLICIES = ["sft", "dpo-bt", "dpo-pl", "dpo-hps"]

Harmful = Callable[[int], float | None]


def study_job(datasets: Sequence[str] = ("toy",), **changed: Any) -> StudyJob:
    """A study of four policies; keys of the settings can be changed."""
    settings = StudySettings.model_validate(
        {"experiment": "e", "prompts": 4, "raters": 6} | changed
    )
    evaluations = {name: [f"{name}/{policy}" for policy in POLICIES] for name in datasets}
    return StudyJob(name="s", settings=settings, policies=POLICIES, evaluations=evaluations)


def write_results(
    folder: Path,
    dataset: str = "toy",
    prompts: int = 10,
    harmful: Harmful = lambda _: None,
    greeting: str = "Hello",
) -> Path:
    """Write prompts and two samples of each policy, and return the folder."""
    write_prompts(folder, dataset, prompts)
    for place, policy in enumerate(POLICIES):
        path = folder / "evaluations" / dataset / policy
        write_evaluation(path, place, prompts, harmful, greeting)
    return folder


def write_prompts(folder: Path, dataset: str, count: int) -> None:
    """Write the test prompts of a data set."""
    rows = (_prompt(name) for name in _names(count))
    write_rows(folder / "prompts" / dataset / "prompts.parquet", rows, PROMPTS)


def write_evaluation(
    folder: Path,
    author: int,
    prompts: int,
    harmful: Harmful = lambda _: None,
    greeting: str = "Hello",
) -> None:
    """Write a policy's samples, two on each prompt."""
    rows = (
        _sample(name, index, f"{greeting} from author {author}, {index}", harmful(number))
        for number, name in enumerate(_names(prompts))
        for index in (0, 1)
    )
    write_rows(folder / "samples.parquet", rows, SAMPLES)


def _names(count: int) -> list[str]:
    return [f"p{number:02d}" for number in range(count)]


def _prompt(name: str) -> dict[str, Any]:
    turn = {"role": "user", "content": f"Question {name}?"}
    texts = dict.fromkeys(("chosen", "rejected"), "")
    return {"prompt_id": name, "split": "test", "messages": [turn], "location": "f:1", **texts}


def _sample(name: str, index: int, text: str, harmful: float | None) -> dict[str, Any]:
    return {
        "prompt_id": name,
        "sample_index": index,
        "text": text,
        "token_count": 3,
        "finish_reason": "stop",
        "reward": float(index),
        "score": None,
        "log_ratio": None,
        "true_reward": None,
        "harmful": harmful,
    }
