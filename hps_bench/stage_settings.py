"""Settings of every stage, resolved from a config."""

from __future__ import annotations

from functools import cached_property
from itertools import product

from hps_bench.config import Config, loss_form
from hps_bench.errors import UserError
from hps_bench.evaluation.settings import EvaluateSettings
from hps_bench.judge.settings import JudgeSettings
from hps_bench.losses import registry
from hps_bench.models.settings import (
    ModelSource,
    PretrainRewardModel,
    RewardModelSource,
    TrainedModel,
)
from hps_bench.plan.settings import PlanSettings
from hps_bench.reference.settings import ReferenceSettings
from hps_bench.responses.settings import ResponsesSettings
from hps_bench.rewards.settings import RewardsSettings
from hps_bench.theory.settings import TheorySettings
from hps_bench.training.settings import LossSettings, TrainSettings
from hps_bench.trajectory.settings import TrajectorySettings

PARTS = ("policy", "generator", "annotator", "evaluator")
"""Models of a benchmark."""


class StageSettings:
    """What each stage is told.

    Args:
        config: the config.
        results: folder of its results, in which models that are trained here lie.
    """

    def __init__(self, config: Config, results: str) -> None:
        self._config, self._results = config, results

    def model(self, part: str) -> ModelSource | TrainedModel:
        """A model as the config gives it."""
        model: ModelSource | TrainedModel = getattr(self._config.models, part)
        return model

    def trained_model(self, part: str) -> TrainedModel:
        """A model that is trained here.

        Raises:
            UserError: it is given by its path.
        """
        model = self.model(part)
        if not isinstance(model, TrainedModel):
            raise UserError(f"models.{part}: given by its path, so there is nothing to train")
        return model

    def source(self, part: str) -> ModelSource:
        """Where a model is, or will be once it is trained."""
        model = self.model(part)
        if isinstance(model, ModelSource):
            return model
        return ModelSource(path=f"{self._results}/models/{part}", dtype="float32")

    def trained_parts(self, objective: str) -> list[str]:
        """Parts whose models are trained here with this objective."""
        models = ((part, self.model(part)) for part in PARTS)
        return [
            part
            for part, model in models
            if isinstance(model, TrainedModel) and model.train.objective == objective
        ]

    def initial_model(self, part: str) -> str:
        """The language model that a reward model starts from."""
        model = self.trained_model(part).train
        assert isinstance(model, PretrainRewardModel)
        return model.initialise_from

    def responses(self, split: str) -> ResponsesSettings:
        """Sampling of a split's candidates."""
        given = self._config.responses
        return ResponsesSettings(
            backend=given.backend,
            model=self.source("generator"),
            sampling=given.sampling,
            samples=given.samples if split == "train" else given.test_samples,
            prompts=given.train_prompts if split == "train" else None,
            include_human_pair=given.include_human_pair,
            shard_prompts=given.shard_prompts,
            seed=given.seed,
        )

    def scoring(self, part: str) -> RewardsSettings:
        """Scoring by the annotator or the evaluator."""
        given = self._config.rewards
        source = self.source(part)
        return RewardsSettings(
            backend=given.backend,
            model=RewardModelSource.model_validate(source.model_dump()),
            batch_tokens=given.batch_tokens,
            shard_prompts=self._config.responses.shard_prompts,
        )

    def plan(self, method: str) -> PlanSettings:
        """Plans of a method."""
        return PlanSettings(
            method=self._config.all_methods[method], epochs=self._config.plan.epochs
        )

    def reference(self) -> ReferenceSettings:
        """Reference log-probabilities."""
        given = self._config.reference
        return ReferenceSettings(model=self.source("policy"), batch_tokens=given.batch_tokens)

    def train(self, policy: str) -> TrainSettings:
        """Training of a reward and method, for example ``dpo-hps``.

        Raises:
            UserError: there is no such pair.
        """
        reward, method = self._axes(policy)
        return TrainSettings(
            model=self.source("policy"),
            optimiser=self._config.training.optimiser,
            loss=self.loss(reward, method),
            snapshots=self._config.training.snapshots,
        )

    def trajectory(self) -> TrajectorySettings:
        """What is computed at snapshots of training.

        Raises:
            UserError: the config follows no policy.
        """
        if self._config.trajectory is None:
            raise UserError("trajectory: the config follows no policy; see config/README.md")
        return TrajectorySettings(
            model=self.source("policy"),
            lora=self._config.training.lora,
            pairs=self._config.trajectory.pairs,
            batch_tokens=self._config.evaluation.batch_tokens,
        )

    def evaluate(self, dataset: str) -> EvaluateSettings:
        """Evaluation on a data set."""
        given = self._config.evaluation
        return EvaluateSettings(
            backend=given.backend,
            model=self.source("policy"),
            evaluator=self.scoring("evaluator"),
            sampling=given.sampling,
            samples=given.samples,
            sample_prompts=given.sample_prompts,
            batch_tokens=given.batch_tokens,
            truth="toy" if self._config.datasets[dataset].format == "toy" else None,
        )

    @property
    def judge(self) -> JudgeSettings:
        """The judge.

        Raises:
            UserError: the config has none.
        """
        if self._config.judge is None:
            raise UserError("judge: the config names no judge; see config/README.md")
        return self._config.judge

    @property
    def theory(self) -> TheorySettings:
        """The simulations of theorems.

        Raises:
            UserError: the config has none.
        """
        if self._config.theory is None:
            raise UserError("theory: the config asks for no simulations; see config/README.md")
        return self._config.theory

    def _axes(self, policy: str) -> tuple[str, str]:
        if policy not in self._policies:
            raise UserError(f"{policy}: no reward and method of these names")
        return self._policies[policy]

    @cached_property
    def _policies(self) -> dict[str, tuple[str, str]]:
        """Reward and method of each policy, also of those that no experiment names."""
        names = product(registry.names(self._config.loss_files), self._config.all_methods)
        return {f"{reward}-{method}": (reward, method) for reward, method in names}

    def loss(self, reward: str, method: str) -> LossSettings:
        """The loss of a reward and method."""
        loss = registry.lookup(reward, self._config.loss_files)
        form = loss_form(self._config.all_methods[method])
        return LossSettings(
            name=reward,
            form=form,
            function=registry.target(loss, form),
            mismatched=loss.mismatched,
            hyperparameters=registry.loss_settings(loss, self._config.hyperparameters(reward)),
        )
