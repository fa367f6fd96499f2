"""The ``train`` stage: a plan and its reference in, a policy out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hps_bench.cell import Cell
from hps_bench.curves import first_and_last
from hps_bench.errors import UserError
from hps_bench.integrity import is_whole
from hps_bench.losses.loading import load_function
from hps_bench.models.loading import load_tokenizer
from hps_bench.models.saving import save_model
from hps_bench.provenance import Manifest, code_digest
from hps_bench.records import atomic_path, read_json, write_json
from hps_bench.tracking.journal import RunJournal
from hps_bench.training.alone import alone
from hps_bench.training.checkpoints import Checkpoints
from hps_bench.training.data import load_training_data
from hps_bench.training.deadline import warn_before_limit
from hps_bench.training.launch import is_launched
from hps_bench.training.loop import Loss, Trainer
from hps_bench.training.metrics import Metrics
from hps_bench.training.observer import Unobserved
from hps_bench.training.policy import new_policy
from hps_bench.training.settings import Execution, LossSettings, TrainSettings
from hps_bench.training.snapshots import Snapshots, snapshot_steps
from hps_bench.training.usage import Ledger, Meter, Usage

if TYPE_CHECKING:
    from accelerate import Accelerator


def train_policy(
    settings: TrainSettings,
    execution: Execution,
    cell: Cell,
    plan: Path,
    reference: Path,
    results: Path,
) -> dict[str, Any]:
    """Train one policy and write it to ``results/policies/…`` with its cost and its curve.

    A run that was killed goes on from its newest checkpoint; one that still trains the same is
    waited for. Checkpoints lie in ``results/checkpoints``, keyed by what decides the run, where
    the workflow cannot delete them. Snapshots go to ``results/snapshots/…`` when the run has
    ended.

    Args:
        settings: model, optimisation, loss.
        execution: token budget and checkpoints.
        cell: reward, method, data set, n, β and seed.
        plan: plan file.
        reference: reference file of that plan.
        results: results folder of the experiment.

    Returns:
        Content of ``training.json``: first and last loss, steps, those with snapshots, tokens,
        seconds; nothing in processes other than the main one, which only compute.
    """
    warn_before_limit(execution.limit_margin_seconds)
    accelerator = new_accelerator(settings.optimiser.mixed_precision)
    run = Run(settings, cell, results, Manifest("train", settings.model_dump(), [plan, reference]))
    with alone(run.checkpoints.parent, accelerator) as waited:
        if not (waited and run.is_done()):
            meter = Meter(accelerator.device, accelerator.num_processes)
            trainer = _trainer(settings, execution, cell, plan, reference, accelerator)
            _train(run, trainer, meter)
        accelerator.end_training()
        if not accelerator.is_main_process:
            return {}
        Checkpoints(run.checkpoints).clear()
        return dict(read_json(run.output / "training.json"))


@dataclass(frozen=True)
class Run:
    """A training run, and where its files lie."""

    settings: TrainSettings
    cell: Cell
    results: Path
    manifest: Manifest

    @property
    def key(self) -> str:
        """Its name in the results folder."""
        return f"policies/{self.cell.policy_path}"

    @property
    def output(self) -> Path:
        """Folder of the policy."""
        return self.results / self.key

    @cached_property
    def checkpoints(self) -> Path:
        """Folder of what it keeps until it has ended."""
        identity = _identity(self.settings, self.cell, self.manifest)
        return self.results / "checkpoints" / self.cell.policy_path / identity

    @property
    def weights(self) -> Path:
        """File of the trained weights."""
        return self.output / self.settings.optimiser.weights_name

    def is_done(self) -> bool:
        """Whether the policy that lies there is this run's."""
        files = [self.output / name for name in ("manifest.json", "training.json")]
        if not all(map(is_whole, (*files, self.weights))):
            return False
        return bool(read_json(files[0])["results"].get("run") == self.checkpoints.name)

    @property
    def snapshots(self) -> Path:
        """Folder of its snapshots."""
        return self.results / "snapshots" / self.cell.policy_path


def _train(run: Run, trainer: Trainer, meter: Meter) -> None:
    checkpoints = Checkpoints(run.checkpoints)
    steps = snapshot_steps(trainer.steps, run.settings.snapshots)
    snapshots = Snapshots(run.checkpoints / "snapshots", steps, run.weights.name)
    first_step = trainer.resume(checkpoints, before=snapshots.first_missing()) + 1
    if not trainer.accelerator.is_main_process:
        trainer.run(checkpoints, Unobserved())
        return
    axes = {"stage": "train", **run.cell.axes}
    tags = run.manifest.tags
    with RunJournal(run.results, run.key, axes, tags, first_step=first_step) as journal:
        recorder = Recorder(journal, trainer, meter, Ledger(run.checkpoints), snapshots)
        summary = _observed(trainer, checkpoints, recorder)
        if run.settings.snapshots:
            snapshots.publish(run.snapshots)
        _save(trainer, run.settings, run.output, summary)
        _show(journal, run, summary)
    run.manifest.write(run.output / "manifest.json", run=run.checkpoints.name, **summary)


def new_accelerator(mixed_precision: str) -> Accelerator:
    """Device of this process, and the others of the run.

    Raises:
        UserError: this is one of several processes, but they do not find each other.
    """
    from accelerate import Accelerator

    # Without a GPU accelerate joins processes only when it is told to use the CPU.
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=mixed_precision)
    if is_launched() and accelerator.num_processes == 1:
        raise UserError("train was launched in several processes that cannot reach each other")
    return accelerator


@dataclass(frozen=True)
class Recorder:
    """Observer that keeps the journal, the bill and the snapshots of a run."""

    run: RunJournal
    trainer: Trainer
    meter: Meter
    ledger: Ledger
    snapshots: Snapshots

    def after_step(self, step: int, metrics: Metrics) -> None:
        """Log the metrics, from time to time what was used, and keep the policy if it is due."""
        self.run.log(step, metrics)
        self.ledger.record(self._usage())
        self.snapshots.after_step(step, self.trainer.model)

    def before_checkpoint(self) -> None:
        """Bill what a checkpoint keeps, so that a bill is never below the kept work."""
        self.ledger.close(self._usage())

    def _usage(self) -> Usage:
        return self.meter.usage(**self.trainer.counts)


def training_summary(trainer: Trainer) -> dict[str, Any]:
    """Course of a finished run; ``kept_seconds`` are those of the steps that made the policy."""
    first, last = first_and_last([metrics["loss"] for metrics in trainer.history])
    return {
        "steps": trainer.steps,
        "first_loss": first,
        "last_loss": last,
        "kept_seconds": sum(trainer.step_seconds),
        "form": trainer.form.name,
        "device": str(trainer.accelerator.device),
        "processes": trainer.accelerator.num_processes,
    }


def loss_function(settings: LossSettings, beta: float) -> Loss:
    """The loss with β and hyperparameters filled in."""
    function = load_function(settings.function)
    return lambda batch: function(batch, beta=beta, **settings.hyperparameters)


def _identity(settings: TrainSettings, cell: Cell, manifest: Manifest) -> str:
    """Digest of what decides a run, code included; the reference stands for the model's weights."""
    loss_module = settings.loss.function.rpartition(":")[0]
    identity = [
        settings.model_dump(),
        cell.beta,
        cell.seed,
        *manifest.input_digests.values(),
        code_digest("hps_bench.training.stage", loss_module),
    ]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def _trainer(
    settings: TrainSettings,
    execution: Execution,
    cell: Cell,
    plan: Path,
    reference: Path,
    accelerator: Accelerator,
) -> Trainer:
    model = new_policy(settings.model, settings.optimiser.lora, cell.seed)
    return Trainer(
        model=model.to(accelerator.device),
        data=load_training_data(plan, reference, needs_mismatched=settings.loss.mismatched),
        loss=loss_function(settings.loss, cell.beta),
        loss_form=settings.loss.form,
        beta=cell.beta,
        seed=cell.seed,
        settings=settings.optimiser,
        execution=execution,
        accelerator=accelerator,
    )


def _observed(trainer: Trainer, checkpoints: Checkpoints, recorder: Recorder) -> dict[str, Any]:
    """Train to the end; what came of it, and what all attempts have used."""
    attempts = recorder.ledger.begin()
    trainer.run(checkpoints, recorder)
    recorder.before_checkpoint()
    return {
        **training_summary(trainer),
        "snapshots": list(recorder.snapshots.steps),
        "attempts": attempts,
        **asdict(recorder.ledger.total()),
    }


def _show(journal: RunJournal, run: Run, summary: dict[str, Any]) -> None:
    """Put figures and files of a policy into its journal."""
    journal.figures({name: v for name, v in summary.items() if isinstance(v, int | float)})
    journal.artifact(run.output / "training.json")
    journal.artifact(run.output / "manifest.json")
    journal.adapter(run.weights)


def _save(trainer: Trainer, settings: TrainSettings, output: Path, summary: dict[str, Any]) -> None:
    """Weights first, ``training.json`` last: its presence says that the policy is whole."""
    save_model(trainer.model, load_tokenizer(settings.model), output)
    _write_lines(output / "training.jsonl", trainer.history)
    write_json(output / "training.json", summary)


def _write_lines(path: Path, history: Sequence[Metrics]) -> None:
    with atomic_path(path) as temporary:
        lines = (json.dumps({"step": n, **metrics}) for n, metrics in enumerate(history, start=1))
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
