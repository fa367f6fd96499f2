"""The config: one typed model of everything an experiment depends on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from hps_bench.backends import Backend
from hps_bench.engine.settings import EngineSettings
from hps_bench.errors import UserError, nearest
from hps_bench.figures.catalogue import FIGURES
from hps_bench.figures.fitting import unfit_figures
from hps_bench.judge.settings import JudgeSettings
from hps_bench.losses import registry
from hps_bench.models.settings import (
    Model,
    ModelSource,
    PretrainRewardModel,
    RewardModel,
    TokenizerSettings,
    TrainedModel,
)
from hps_bench.plan.settings import METHODS, Method, PlackettLuce
from hps_bench.prompts.settings import DatasetSettings
from hps_bench.responses.settings import Sampling
from hps_bench.settings import Settings
from hps_bench.study.planning import unfit_study
from hps_bench.study.settings import StudySettings
from hps_bench.tables.layout import LAYOUTS
from hps_bench.tables.settings import TableSettings
from hps_bench.theory.settings import TheorySettings
from hps_bench.training.settings import TrainingConfig
from hps_bench.trajectory.settings import TrajectoryConfig
from hps_bench.validation import explain
from hps_bench.yaml_file import read_yaml

LONGEST_NAME = 64


def _short(name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a name should have at most {LONGEST_NAME} characters")
    return name


Name = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$"), AfterValidator(_short)
]
"""Lower-case words joined by hyphens: what stands in paths."""


class Models(Settings):
    """The models by their part in the benchmark."""

    policy: Model = Field(description="SFT model: start of every policy, and the reference model")
    generator: Model = Field(description="samples the responses")
    annotator: RewardModel = Field(description="reward model behind r_est")
    evaluator: RewardModel = Field(
        description="reward model of the evaluation, another one than the annotator"
    )


class Responses(Settings):
    """Sampling of the candidates."""

    backend: Backend = Field("transformers", description="what samples")
    sampling: Sampling = Field(Sampling(), description="temperature and length")
    samples: int = Field(ge=2, description="samples per training prompt; the largest n")
    test_samples: int = Field(ge=2, description="samples per test prompt, for ranked margins")
    train_prompts: int | None = Field(
        None, ge=1, description="training prompts to sample for; null takes all"
    )
    include_human_pair: bool = Field(
        False, description="whether the human pair takes the first two places"
    )
    parts: int = Field(1, ge=1, le=999, description="jobs that share a split")
    shard_prompts: int = Field(64, ge=1, description="prompts in a shard; a shard is never redone")
    seed: int = Field(0, description="of all samples")


class Rewards(Settings):
    """Scoring by reward models."""

    backend: Backend = Field("transformers", description="what scores, evaluation included")
    batch_tokens: int = Field(16384, ge=1, description="padded tokens scored together")


class Plan(Settings):
    """Training plans."""

    epochs: int = Field(2, ge=1, description="visits of each prompt; negatives are drawn anew")


class Reference(Settings):
    """Reference log-probabilities."""

    batch_tokens: int = Field(16384, ge=1, description="padded tokens computed together")


class Evaluation(Settings):
    """Evaluation on test splits."""

    backend: Backend = Field("transformers", description="what samples")
    sampling: Sampling = Field(Sampling(), description="temperature and length")
    samples: int = Field(5, ge=1, description="N, samples per test prompt")
    sample_prompts: int | None = Field(
        None, ge=1, description="test prompts to sample for; null takes all"
    )
    batch_tokens: int = Field(16384, ge=1, description="padded tokens computed together")


class Experiment(Settings):
    """A named set of cells: the product of its axes."""

    rewards: list[str] = Field(min_length=1, description="implicit reward parameterizations")
    methods: list[str] = Field(min_length=1, description="preference models")
    datasets: list[str] = Field(min_length=1, description="data sets to train on")
    responses: list[int] = Field(min_length=1, description="n, candidates per prompt")
    betas: list[float] = Field([0.1], min_length=1, description="β of the implicit reward")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0], min_length=1, description="seeds of plan and training"
    )
    evaluate_on: Literal["own", "others"] = Field(
        "own", description="own: the data set trained on; others: every other one (transfer)"
    )


class Config(Settings):
    """One benchmark: data, models, settings of every stage, and the cells to run."""

    name: Name = Field(description="results go to results/{name}")
    datasets: dict[Name, DatasetSettings] = Field(min_length=1, description="data sets by name")
    tokenizer: TokenizerSettings = Field(
        TokenizerSettings(), description="tokenizer of models that are trained here"
    )
    models: Models = Field(description="models")
    responses: Responses = Field(description="sampling of the candidates")
    rewards: Rewards = Field(Rewards(), description="scoring")
    methods: dict[Name, Method] = Field(
        {}, description="methods beside, or instead of, the built-in ones"
    )
    losses: dict[Name, dict[str, float | str]] = Field(
        {}, description="hyperparameters of losses; key 'file' adds a loss of yours"
    )
    plan: Plan = Field(Plan(), description="training plans")
    reference: Reference = Field(Reference(), description="reference log-probabilities")
    training: TrainingConfig = Field(TrainingConfig(), description="optimisation")
    evaluation: Evaluation = Field(Evaluation(), description="evaluation")
    trajectory: TrajectoryConfig | None = Field(
        None, description="policies to follow through training; null follows none"
    )
    judge: JudgeSettings | None = Field(None, description="judge of responses, for table4")
    study: StudySettings | None = Field(None, description="human study, for table3")
    theory: TheorySettings | None = Field(
        None, description="simulations of the paper's theorems; null makes none"
    )
    engine: EngineSettings = Field(EngineSettings(), description="vLLM's engine")
    experiments: dict[Name, Experiment] = Field(
        min_length=1, description="named sets of cells; the grid is their union"
    )
    tables: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(
        {}, description="experiments whose cells each table shows"
    )
    figures: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(
        {}, description="experiments whose cells each figure shows"
    )
    statistics: TableSettings = Field(
        TableSettings(), description="intervals in tables and figures"
    )

    @property
    def all_methods(self) -> dict[str, Method]:
        """Built-in methods and the config's own."""
        return {**METHODS, **self.methods}

    @property
    def loss_files(self) -> dict[str, Path]:
        """Files of losses that the config adds, by name."""
        return {name: Path(str(s["file"])) for name, s in self.losses.items() if "file" in s}

    def hyperparameters(self, reward: str) -> dict[str, float]:
        """Hyperparameters given for a loss, without its file."""
        given = {k: v for k, v in self.losses.get(reward, {}).items() if k != "file"}
        return {key: _number(value, f"losses.{reward}.{key}") for key, value in given.items()}

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for check in (_unknown_names, _unfit_values):
            for problem in check(self):
                raise UserError(problem)
        return self


def load_config(path: Path) -> Config:
    """Read and check a YAML config.

    Raises:
        UserError: one line with file, key, problem and remedy.
    """
    try:
        values = read_yaml(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such config; presets are in config/") from None
    return parse_config(values, os.fspath(path))


def parse_config(values: Any, origin: str) -> Config:
    """Check values that were read from ``origin``.

    Raises:
        UserError: as for ``load_config``.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{origin}: {explain(error, Config)}") from None
    except UserError as error:
        raise UserError(f"{origin}: {error}") from None


def _number(value: float | str, where: str) -> float:
    try:
        return float(value)  # YAML 1.1 reads 1e-3 as text
    except ValueError:
        raise UserError(f"{where}: {value!r} is not a number") from None


def _unknown_names(config: Config) -> Iterator[str]:
    """Names of losses, methods, data sets and experiments that lead nowhere."""
    rewards = registry.names(config.loss_files)
    for reward in config.losses:
        yield from _unless_known(f"losses.{reward}", reward, rewards, "loss")
    for name, experiment in config.experiments.items():
        where = f"experiments.{name}"
        for reward in experiment.rewards:
            yield from _unless_known(f"{where}.rewards", reward, rewards, "reward")
        for method in experiment.methods:
            yield from _unless_known(f"{where}.methods", method, config.all_methods, "method")
        for dataset in experiment.datasets:
            yield from _unless_known(f"{where}.datasets", dataset, config.datasets, "data set")
    for name in config.trajectory.experiments if config.trajectory else ():
        yield from _unless_known("trajectory.experiments", name, config.experiments, "experiment")
    for table, experiments in config.tables.items():
        where = f"tables.{table}"
        yield from _unless_known(where, table, LAYOUTS, "table")
        for name in experiments:
            yield from _unless_known(where, name, config.experiments, "experiment")
    for figure, experiments in config.figures.items():
        where = f"figures.{figure}"
        yield from _unless_known(where, figure, FIGURES, "figure")
        for name in experiments:
            yield from _unless_known(where, name, config.experiments, "experiment")


def _unless_known(where: str, name: str, known: Any, kind: str) -> Iterator[str]:
    if name not in known:
        yield f"{where}: unknown {kind} {name!r}; {nearest(name, known)}"


def _unfit_values(config: Config) -> Iterator[str]:
    """Values that are of the right type but do not go together."""
    for reward, settings in config.losses.items():
        file = settings.get("file", "loss.py")
        if not str(file).endswith(".py"):
            yield f"losses.{reward}.file: {file!r} is no Python file; its name must end in .py"
        loss = registry.lookup(reward, config.loss_files)
        registry.loss_settings(loss, config.hyperparameters(reward))
    yield from _unfit_judgements(config)
    yield from _unfit_comparisons(config)
    yield from unfit_figures(config)
    yield from unfit_study(config)
    for name, experiment in config.experiments.items():
        yield from _unfit_experiment(config, f"experiments.{name}", experiment)
    for part, model in config.models:
        yield from _unfit_model(config, f"models.{part}", model)
    policy = config.models.policy
    whole = config.training.lora is None
    if whole and isinstance(policy, ModelSource) and policy.dtype != "float32":
        yield (
            f"models.policy.dtype: all weights are trained (training.lora: null), and "
            f"{policy.dtype} weights lose small updates; give dtype: float32, and "
            "training.mixed_precision: bf16 for speed"
        )


def _unfit_judgements(config: Config) -> Iterator[str]:
    """Judgements shown without a judge, or without a policy to be compared with others."""
    shown = {f"tables.{t}": e for t, e in config.tables.items() if LAYOUTS[t].records == "judge"}
    shown |= {f"figures.{f}": e for f, e in config.figures.items() if "judge" in FIGURES[f].reads}
    for where, experiments in shown.items():
        if config.judge is None:
            yield f"{where}: it shows judgements; say under judge who judges"
        elif config.judge.samples > config.evaluation.samples:
            yield (
                f"judge.samples: {config.judge.samples} of a prompt are more than "
                f"evaluation.samples draws, which is {config.evaluation.samples}"
            )
        methods = {m for name in experiments for m in config.experiments[name].methods}
        if methods <= {"bt", "pl"}:
            yield f"{where}: it compares other methods with bt and pl; add one, such as hps"


def _unfit_comparisons(config: Config) -> Iterator[str]:
    """Tables of differences without a policy to be compared with others."""
    for table, experiments in config.tables.items():
        methods = {m for name in experiments for m in config.experiments[name].methods}
        if LAYOUTS[table].compared and methods <= {"bt", "pl"}:
            yield f"tables.{table}: it compares other methods with bt and pl; add one, such as hps"


def _unfit_experiment(config: Config, where: str, experiment: Experiment) -> Iterator[str]:
    samples = config.responses.samples
    for n in experiment.responses:
        if not 2 <= n <= samples:
            yield (
                f"{where}.responses: n = {n} does not fit the pool of {samples} samples per "
                "prompt; choose 2 or more, or raise responses.samples"
            )
    for beta in experiment.betas:
        if beta <= 0:
            yield f"{where}.betas: β = {beta:g} is not positive"
        if float(f"{beta:g}") != beta:
            yield f"{where}.betas: β = {beta!r} has more than the six digits that paths keep"
    if experiment.evaluate_on == "others" and len(config.datasets) < 2:
        yield f"{where}.evaluate_on: transfer needs a second data set under datasets"
    for reward in experiment.rewards:
        loss = registry.lookup(reward, config.loss_files)
        for method in experiment.methods:
            form = loss_form(config.all_methods[method])
            if getattr(loss, form) is None:
                yield f"{where}: {reward}-{method} does not exist, {reward!r} has no {form} form"


def _unfit_model(config: Config, where: str, model: ModelSource | TrainedModel) -> Iterator[str]:
    if not isinstance(model, TrainedModel) or not isinstance(model.train, PretrainRewardModel):
        return
    origin = model.train.initialise_from
    source = dict(config.models).get(origin)
    if not isinstance(source, TrainedModel) or isinstance(source.train, PretrainRewardModel):
        yield f"{where}.train.initialise_from: {origin!r} is no language model trained here"


def loss_form(method: Method) -> Literal["comparison", "ranking"]:
    """Which form of a loss a method calls for."""
    return "ranking" if isinstance(method, PlackettLuce) else "comparison"
