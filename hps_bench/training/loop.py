"""The training loop: plan → log-probabilities of the policy → loss → step."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from hps_bench.chat import Completion
from hps_bench.errors import RunInterruptedError
from hps_bench.logprobs import all_response_logps
from hps_bench.logprobs.batches import micro_batches
from hps_bench.logprobs.choice import form_of
from hps_bench.logprobs.forms import tokens_of
from hps_bench.losses.batch import RankedBatch
from hps_bench.losses.declaration import Form
from hps_bench.schedule import warm_up_cosine
from hps_bench.seeding import derive_seed
from hps_bench.training.backpropagation import Backpropagation
from hps_bench.training.checkpoints import Checkpoints
from hps_bench.training.data import TrainingComparison, TrainingData, ranked_batch
from hps_bench.training.flops import ModelShape
from hps_bench.training.interruption import Interruption
from hps_bench.training.metrics import METRICS, Metrics, batch_metrics
from hps_bench.training.observer import Observer
from hps_bench.training.policy import restore, trainable
from hps_bench.training.processes import share, sum_gradients, sum_over_processes, sum_values
from hps_bench.training.usage import NO_WORK, work

if TYPE_CHECKING:
    from accelerate import Accelerator
    from transformers import PreTrainedModel

    from hps_bench.training.settings import Execution, Optimiser

Loss = Callable[[RankedBatch], Tensor]
Item = TypeVar("Item")


@dataclass
class Trainer:
    """One training run, or one process's part in it.

    Attributes:
        model: policy; its trainable parameters change.
        data: plan and reference.
        loss: per-comparison loss of a batch, shape (B,).
        loss_form: whether it compares a winner with losers or ranks a list.
        beta: β, for the reported rewards.
        seed: of dropout.
        settings: optimisation.
        execution: memory and checkpoints.
        accelerator: device, precision, processes.
        history: metrics of every step so far.
        step_seconds: wall time of each of them.
        counts: what this process has seen being worked through; see ``Usage``.
        interruption: notes signals while the run lasts.
    """

    model: PreTrainedModel
    data: TrainingData
    loss: Loss
    loss_form: Form
    beta: float
    seed: int
    settings: Optimiser
    execution: Execution
    accelerator: Accelerator
    history: list[Metrics] = field(default_factory=list)
    step_seconds: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=lambda: Counter(NO_WORK))
    interruption: Interruption = field(default_factory=Interruption)

    def __post_init__(self) -> None:
        self.steps = self.data.step_count(self.settings.batch_size)
        self.parameters = list(trainable(self.model).values())
        self.optimiser = torch.optim.AdamW(
            self.parameters,
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
        )
        warm = round(self.settings.warmup_share * self.steps)
        self.schedule = LambdaLR(
            self.optimiser, lambda step: warm_up_cosine(step, self.steps, warm)
        )
        self.form = form_of(self.model)
        self.shape = ModelShape.of(self.model)
        self.differentiate = Backpropagation(
            self.model, self.execution.micro_batch_tokens, self.accelerator
        )

    def run(self, checkpoints: Checkpoints, observer: Observer) -> None:
        """Train from where the run stands to the end of the plan.

        Raises:
            RunInterruptedError: a signal asked for it; the steps so far are in a checkpoint.
        """
        self.model.train()
        with self.interruption, self.form.attention(self.model):
            try:
                self._steps(checkpoints, observer)
            except RunInterruptedError as interruption:
                self._save(checkpoints, observer)
                raise RunInterruptedError(
                    f"{interruption} after step {len(self.history)}"
                ) from None
        self.model.eval()

    def step(self, comparisons: Sequence[TrainingComparison]) -> Metrics:
        """One optimiser step on whole visits; the loss is the mean over visits.

        Every process computes its share of the comparisons.
        """
        totals = self._accumulate(comparisons)
        self.counts.update(work(comparisons, self.loss_form, self.shape))
        sum_gradients(self.parameters, self.accelerator)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.max_gradient_norm)
        rate = float(self.schedule.get_last_lr()[0])
        self.optimiser.step()
        self.schedule.step()
        self.optimiser.zero_grad()
        gammas = {} if comparisons[0].gamma is None else {"gamma": comparisons[0].gamma}
        return {**totals, **gammas, "gradient_norm": float(norm), "learning_rate": rate}

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on; dropout has a seed for each pass."""
        return {
            "parameters": {name: p.detach() for name, p in trainable(self.model).items()},
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": self.history,
            "step_seconds": self.step_seconds,
        }

    def resume(self, checkpoints: Checkpoints, before: float = math.inf) -> int:
        """Restore the newest checkpoint and return how many steps it has behind it.

        Args:
            checkpoints: of this run.
            before: step that has to be done again.
        """
        state = checkpoints.load_latest(before)
        if state is not None:
            restore(self.model, state["parameters"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
            self.history, self.step_seconds = state["history"], state["step_seconds"]
        return len(self.history)

    def _steps(self, checkpoints: Checkpoints, observer: Observer) -> None:
        done, saved = len(self.history), time.monotonic()
        silent = not (self.accelerator.is_main_process and sys.stderr.isatty())
        progress = tqdm(total=self.steps, initial=done, desc="train", disable=silent)
        for step, comparisons in enumerate(self.data.steps(self.settings.batch_size), start=1):
            if step <= done:
                continue
            started = time.monotonic()
            self.history.append(self.step(comparisons))
            self.step_seconds.append(time.monotonic() - started)
            observer.after_step(step, self.history[-1])
            progress.update()
            due = time.monotonic() - saved > 60 * self.execution.checkpoint_minutes
            if due or step % self.execution.checkpoint_steps == 0:
                self._save(checkpoints, observer)
                saved = time.monotonic()
            self.interruption.check_all(self.accelerator)
        progress.close()

    def _save(self, checkpoints: Checkpoints, observer: Observer) -> None:
        observer.before_checkpoint()
        if self.accelerator.is_main_process:
            checkpoints.save(len(self.history), self.state())

    def _accumulate(self, comparisons: Sequence[TrainingComparison]) -> Metrics:
        """Add the gradients of this process's share; return the metrics of all shares."""
        visits = len({c.visit for c in comparisons})
        others = self._mismatched_log_ratios(comparisons)
        own = self._share(comparisons, [c.completions for c in comparisons])
        totals = dict.fromkeys(METRICS, 0.0)
        budget = self.execution.micro_batch_tokens
        for places in micro_batches(self.form, [c.completions for c in own], budget):
            if self.accelerator.num_processes == 1:
                self.interruption.check()
            micro = [own[place] for place in places]
            completions = [completion for c in micro for completion in c.completions]
            loss = partial(self._loss, micro, others, visits)
            logps = self.differentiate(completions, loss, self._seed(places[0]))
            batch = ranked_batch(micro, logps, others)
            totals["loss"] += float(loss(logps))
            for name, value in batch_metrics(batch, self.beta).items():
                totals[name] += value * len(micro) / len(comparisons)
        return sum_values(totals, self.accelerator)

    def _loss(
        self,
        micro: Sequence[TrainingComparison],
        others: Tensor | None,
        visits: int,
        logps: Tensor,
    ) -> Tensor:
        weights = torch.tensor([c.weight for c in micro], device=logps.device)
        return (self.loss(ranked_batch(micro, logps, others)) * weights).sum() / visits

    def _mismatched_log_ratios(self, comparisons: Sequence[TrainingComparison]) -> Tensor | None:
        """Log-ratios h of the step's mismatched pairs, without gradient, shape (visits,)."""
        of_visits = {c.visit: c.mismatched for c in comparisons if c.mismatched is not None}
        if not of_visits:
            return None
        pairs = list(of_visits.values())
        own = self._share(range(len(pairs)), [[pair.completion] for pair in pairs])
        completions = [pairs[place].completion for place in own]
        logps = all_response_logps(self.model, completions, self.execution.micro_batch_tokens)
        ratios = torch.zeros(len(pairs), dtype=torch.float64, device=self.accelerator.device)
        ratios[own] = torch.tensor(logps, dtype=torch.float64).to(ratios)
        known = torch.tensor([pair.reference_logp for pair in pairs], dtype=torch.float64)
        return sum_over_processes(ratios, self.accelerator) - known.to(ratios)

    def _share(
        self, items: Sequence[Item], completions: Sequence[Sequence[Completion]]
    ) -> list[Item]:
        """This process's part of some items, divided by their tokens."""
        return share(items, [tokens_of(self.form, c) for c in completions], self.accelerator)

    def _seed(self, place: int) -> int:
        """Seed of dropout in the pass of this process that begins at a place of this step."""
        process = self.accelerator.process_index
        return derive_seed(self.seed, "dropout", len(self.history), process, place)
