"""The paper's own setting, and whether a config's cell may stand beside its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hps_bench.models.settings import ModelSource, RewardModelSource
from hps_bench.plan.settings import GammaSchedule, HardPreferenceSampling
from hps_bench.prompts.settings import DatasetSettings, HubSource

if TYPE_CHECKING:
    from hps_bench.cell import Cell
    from hps_bench.config import Config
    from hps_bench.plan.settings import Method
    from hps_bench.responses.settings import Sampling
    from hps_bench.training.settings import Optimiser

MODELS = {
    "policy": "RLHFlow/Llama3-SFT-v2.0-epoch3",
    "generator": "RLHFlow/Llama3-v2-iterative-DPO-iter3",
    "annotator": "Skywork/Skywork-Reward-Llama-3.1-8B-v0.2",
    "evaluator": "RLHFlow/ArmoRM-Llama3-8B-v0.1",
}
DATASETS = {"hh-rlhf": "Anthropic/hh-rlhf", "pku-saferlhf": "PKU-Alignment/PKU-SafeRLHF"}

SIMULATED_RATERS = "raters are simulated"
"""Why a program's ratings must not stand beside the paper's."""

LEARNING_RATE = 5e-7
BATCH_SIZE = 64
LORA_RANK, LORA_ALPHA = 8, 16
EPOCHS = 2
TEMPERATURE = 0.9
MAX_TOKENS = 2048
SAMPLES = 5
"""Section 6 and Appendix D.1. What the paper does not say (layers of the adapters, warm-up,
the list size of PL, …) is not asked for."""


def incomparable(config: Config, cell: Cell) -> str | None:
    """Why a cell's results must not stand beside the paper's; None where they may."""
    return next(differences(config, cell), None)


def differences(config: Config, cell: Cell) -> Iterator[str]:
    """All that sets a policy and its evaluation apart from the paper's; n and β are the cell's."""
    for name in dict.fromkeys((cell.trained_on, cell.evaluated_on)):
        yield from _of_dataset(config, name)
    if config.responses.train_prompts is not None:
        yield "responses are sampled for a part of the training prompts"
    yield from _of_models(config, tuple(MODELS))
    yield from _of_training(config.training.optimiser)
    if config.plan.epochs != EPOCHS:
        yield f"{_counted(config.plan.epochs, 'epoch')}, the paper's {EPOCHS}"
    yield from _of_sampling("responses", config.responses.sampling)
    yield from _of_method(cell.method, config.all_methods[cell.method])
    yield from _of_evaluation(config)


def baseline_differences(config: Config, evaluated_on: str) -> Iterator[str]:
    """The same for the SFT model, which no training touches."""
    yield from _of_dataset(config, evaluated_on)
    yield from _of_models(config, ("policy", "evaluator"))
    yield from _of_evaluation(config)


def judge_differences(config: Config) -> Iterator[str]:
    """What sets the judging apart, beside the judge's name, which stands with its scores."""
    if config.judge is None:
        yield "the config has no judge"
        return
    if (config.judge.samples, config.judge.aggregate) != (SAMPLES, "best"):
        yield (
            f"the judge takes the {config.judge.aggregate} of "
            f"{_counted(config.judge.samples, 'sample')}, the paper the best of {SAMPLES}"
        )


def study_differences(config: Config) -> Iterator[str]:
    """What sets the human study apart; how many raters and prompts it has, its interval shows."""
    if config.study is None:
        return
    if config.study.simulated is not None:
        yield SIMULATED_RATERS
    if set(config.experiments[config.study.experiment].datasets) != set(DATASETS):
        yield "the study's prompts are not from both of the paper's data sets"


def _of_dataset(config: Config, name: str) -> Iterator[str]:
    settings = config.datasets.get(name)
    if settings is None:
        yield f"the config has no data set {name}"
        return
    source = settings.source
    if not isinstance(source, HubSource) or source.hub != DATASETS.get(name):
        yield f"{name} is not the paper's data set"
        return
    if (source.splits.get("train"), source.splits.get("test")) != ("train", "test"):
        yield f"{name}: train and test are not the data set's own splits"
    if _is_part(settings, source):
        yield f"only a part of {name} is read"


def _is_part(settings: DatasetSettings, source: HubSource) -> bool:
    limits = (settings.train_limit, settings.test_limit, settings.max_prompt_characters)
    carved = settings.carved_validation > 0
    return source.data_dir is not None or carved or any(limit is not None for limit in limits)


def _of_models(config: Config, parts: tuple[str, ...]) -> Iterator[str]:
    for part in parts:
        model = getattr(config.models, part)
        if not isinstance(model, ModelSource) or model.path != MODELS[part]:
            yield f"the {part} is not the paper's model"
            continue
        if model.context is not None:
            yield f"the {part}'s context is cut to {model.context} tokens"
        if part == "evaluator" and not _is_mean_of_objectives(model):
            yield "the evaluator's reward is not the mean of its objectives"


def _is_mean_of_objectives(model: ModelSource) -> bool:
    return isinstance(model, RewardModelSource) and (model.heads, model.reward) == (
        "armorm",
        "mean",
    )


def _of_training(optimiser: Optimiser) -> Iterator[str]:
    lora = optimiser.lora
    if lora is None:
        yield "the paper trains adapters"
    elif (lora.rank, lora.alpha) != (LORA_RANK, LORA_ALPHA):
        yield (
            f"adapters of rank {lora.rank} and α {lora.alpha}, the paper's {LORA_RANK} and "
            f"{LORA_ALPHA}"
        )
    if optimiser.learning_rate != LEARNING_RATE:
        yield f"learning rate {optimiser.learning_rate:g}, the paper's {LEARNING_RATE:g}"
    if optimiser.batch_size != BATCH_SIZE:
        yield f"batch of {optimiser.batch_size}, the paper's {BATCH_SIZE}"


def _of_sampling(stage: str, sampling: Sampling) -> Iterator[str]:
    if (sampling.temperature, sampling.max_tokens) != (TEMPERATURE, MAX_TOKENS):
        yield (
            f"{stage}: temperature {sampling.temperature:g} and {sampling.max_tokens} tokens, the "
            f"paper's {TEMPERATURE:g} and {MAX_TOKENS}"
        )


def _of_method(name: str, method: Method) -> Iterator[str]:
    if method.kind != name:
        yield f"{name} is not the paper's method of that name"
    elif isinstance(method, HardPreferenceSampling):
        if method.estimator != "single" or method.second_winner_weight is not None:
            yield f"{name}: the paper takes one negative as drawn, for one winner"
        if method.gamma != GammaSchedule():
            yield f"{name}: γ does not rise from -5 to 5 in steps of 20 % of the training"


def _of_evaluation(config: Config) -> Iterator[str]:
    given = config.evaluation
    if given.samples != SAMPLES:
        yield f"best of {_counted(given.samples, 'sample')}, the paper's of {SAMPLES}"
    if given.sample_prompts is not None:
        yield "samples are drawn for a part of the test prompts"
    yield from _of_sampling("evaluation", given.sampling)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
