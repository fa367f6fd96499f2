"""Which policies of a config are rated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hps_bench.cell import Cell
from hps_bench.errors import UserError, nearest
from hps_bench.study.settings import StudyJob, StudySettings
from hps_bench.tables.layout import LAYOUTS

if TYPE_CHECKING:
    from hps_bench.config import Config

SFT = "sft"


def study_job(config: Config) -> StudyJob:
    """The study of a config.

    Raises:
        UserError: the config has none.
    """
    if config.study is None:
        raise UserError("study: the config has no human study; see config/README.md")
    evaluations: dict[str, list[str]] = {}
    for cell in study_cells(config):
        paths = evaluations.setdefault(cell.evaluated_on, [cell.baseline_path])
        paths.append(cell.evaluation_path)
    return StudyJob(
        name=config.name,
        settings=config.study,
        policies=[SFT, *(f"{config.study.reward}-{name}" for name in config.study.methods)],
        evaluations=evaluations,
    )


def is_simulated(config: Config) -> bool:
    """Whether there is a study in which a program plays the raters."""
    return config.study is not None and config.study.simulated is not None


class StudyFiles:
    """Files of a config's study, as far as there is one.

    Args:
        config: the config.
        results: folder of its results.

    Attributes:
        is_simulated: whether a program plays the raters.
    """

    def __init__(self, config: Config, results: str) -> None:
        self._config, self._results = config, results
        self.is_simulated = is_simulated(config)

    @property
    def samples(self) -> list[str]:
        """Prompts and samples that the packets are made from."""
        if self._config.study is None:
            return []
        chosen = study_job(self._config).evaluations
        return [
            *(f"{self._results}/prompts/{dataset}/prompts.parquet" for dataset in chosen),
            *(
                f"{self._results}/evaluations/{path}/samples.parquet"
                for paths in chosen.values()
                for path in paths
            ),
        ]

    @property
    def packets(self) -> list[str]:
        """What is rated in which order, and the key to it."""
        names = ("assignment.json", "key.json") if self._config.study else ()
        return [f"{self._results}/study/{name}" for name in names]

    @property
    def ratings(self) -> list[str]:
        """Ratings: to be made where raters are simulated, else those that people gave so far."""
        file = f"{self._results}/study/ratings.parquet"
        return [file] if self.is_simulated or (self._config.study and Path(file).exists()) else []

    @property
    def analysis(self) -> list[str]:
        """The analysis of the ratings, where there are or will be some."""
        return [f"{self._results}/study/analysis.json"] if self.ratings else []


def study_cells(config: Config) -> list[Cell]:
    """Cells whose policies are rated, by data set and method; none without a study."""
    study = config.study
    if study is None:
        return []
    experiment = config.experiments[study.experiment]
    responses = experiment.responses[0] if study.responses is None else study.responses
    beta = experiment.betas[0] if study.beta is None else study.beta
    seed = experiment.seeds[0] if study.policy_seed is None else study.policy_seed
    return [
        Cell(study.reward, method, dataset, dataset, responses, beta, seed)
        for dataset in experiment.datasets
        for method in study.methods
    ]


def unfit_study(config: Config) -> Iterator[str]:
    """What is wrong with the study of a config, in one line each."""
    study = config.study
    for table in (name for name in config.tables if LAYOUTS[name].records == "study"):
        if study is None:
            yield f"tables.{table}: it shows what people rated; say under study what they rate"
        elif study.experiment not in config.tables[table]:
            yield f"tables.{table}: give it the study's experiment, {study.experiment!r}"
    if study is None:
        return
    if study.experiment not in config.experiments:
        known = nearest(study.experiment, config.experiments)
        yield f"study.experiment: unknown experiment {study.experiment!r}; {known}"
        return
    experiment = config.experiments[study.experiment]
    where = f"experiments.{study.experiment}"
    if experiment.evaluate_on == "others":
        yield f"study.experiment: {where} is evaluated on other data sets; name one of its own"
    for key, value, axis in _chosen(study):
        if value is not None and value not in (known := getattr(experiment, axis)):
            yield f"study.{key}: {value!r} is not in {where}.{axis}, which has {known}"
    if doubled := {name for name in study.methods if study.methods.count(name) > 1}:
        yield f"study.methods: {min(doubled)!r} stands there twice"
    if study.sample >= config.evaluation.samples:
        yield (
            f"study.sample: samples are counted from 0, and evaluation.samples draws "
            f"{config.evaluation.samples} of a prompt; {study.sample} is none of them"
        )


def _chosen(study: StudySettings) -> Iterator[tuple[str, object, str]]:
    """What the study chooses of its experiment: key, value, and axis of the experiment."""
    yield "reward", study.reward, "rewards"
    yield from (("methods", method, "methods") for method in study.methods)
    yield "responses", study.responses, "responses"
    yield "beta", study.beta, "betas"
    yield "policy_seed", study.policy_seed, "seeds"
