"""The training loop against a plain loop: full logits, log-softmax, gather, torch's AdamW."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM

from hps_bench.chat import Completion
from hps_bench.losses.declaration import Form
from hps_bench.seeding import derive_seed
from hps_bench.training.checkpoints import Checkpoints
from hps_bench.training.data import TrainingComparison, load_training_data
from hps_bench.training.loop import Trainer
from hps_bench.training.observer import Unobserved
from hps_bench.training.policy import new_policy, trainable
from hps_bench.training.settings import Execution, LossSettings
from hps_bench.training.stage import loss_function
from tests.unit.training.toy import Toy, loss_settings, toy

BETA = 0.1


def trainer(
    made: Toy, loss: LossSettings | None = None, budget: int = 8192, **optimiser: Any
) -> Trainer:
    """A trainer as the stage makes it."""
    from accelerate import Accelerator

    settings = made.settings(loss, **optimiser)
    return Trainer(
        model=new_policy(settings.model, settings.optimiser.lora, seed=5),
        data=load_training_data(
            made.plan, made.reference, needs_mismatched=settings.loss.mismatched
        ),
        loss=loss_function(settings.loss, BETA),
        loss_form=settings.loss.form,
        beta=BETA,
        settings=settings.optimiser,
        execution=Execution(micro_batch_tokens=budget),
        accelerator=Accelerator(),
        seed=5,
    )


def trained(made: Toy, folder: Path, loss: LossSettings | None = None, **optimiser: Any) -> Trainer:
    """A trainer that has run to the end."""
    run = trainer(made, loss, **optimiser)
    run.run(Checkpoints(folder), Unobserved())
    return run


def plain_logp(model: Any, completion: Completion) -> Tensor:
    """One row, full logits, log-softmax, gather, sum over response tokens, as TRL computes it."""
    ids = torch.tensor([[*completion.prompt_ids, *completion.response_ids]])
    logps = model(input_ids=ids).logits[:, :-1].float().log_softmax(-1)
    taken: Tensor = logps.gather(2, ids[:, 1:, None])[0, :, 0]
    return taken[len(completion.prompt_ids) - 1 :].sum()


def plain_weights(made: Toy, steps: list[list[TrainingComparison]], rate: float) -> list[Tensor]:
    """Adapter weights after DPO steps at the rates of a cosine without warm-up."""
    torch.manual_seed(derive_seed(5, "adapter"))
    base = AutoModelForCausalLM.from_pretrained(made.model.path, dtype=torch.float32)
    lora = LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=16, target_modules="all-linear")
    model = get_peft_model(base, lora)
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0)
    for step, comparisons in enumerate(steps):
        losses = []
        for c in comparisons:
            margin = torch.tensor(0.0)
            for sign, scored in zip((1, -1), c.responses, strict=True):
                logp = plain_logp(model, scored.completion)
                margin = margin + sign * BETA * (logp - scored.reference_logp)
            losses.append(-logsigmoid(margin))
        optimiser.zero_grad()
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / len(steps))) / 2
        optimiser.step()
    return weights


def assert_same(ours: Trainer, weights: list[Tensor]) -> None:
    for value, expected in zip(trainable(ours.model).values(), weights, strict=True):
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-6)


def test_equals_a_plain_loop(tmp_path: Path) -> None:
    """Small steps: AdamW divides by gradients near 0, which would blow rounding up."""
    made = toy(tmp_path)
    ours = trained(made, tmp_path / "checkpoints", learning_rate=1e-4)
    steps = list(ours.data.steps(3))
    assert len(steps) == 2
    assert_same(ours, plain_weights(made, steps, 1e-4))


@pytest.mark.parametrize(
    ("method", "form"), [("bt", "comparison"), ("pl", "ranking"), ("hps-two-winners", "comparison")]
)
def test_micro_batches_do_not_change_the_run(tmp_path: Path, method: str, form: Form) -> None:
    made = toy(tmp_path, method)
    loss = loss_settings(form=form)
    whole, split = (
        trained(made, tmp_path / str(budget), loss, budget=budget, learning_rate=1e-4)
        for budget in (10_000, 1)
    )
    assert_same(split, list(trainable(whole.model).values()))
    for ours, theirs in zip(whole.history, split.history, strict=True):
        # At h = 0 rounding decides which of two responses is ahead.
        names = ours.keys() - {"rewards/accuracies"}
        assert {n: ours[n] for n in names} == pytest.approx({n: theirs[n] for n in names}, abs=1e-5)


def test_starts_at_ln_2(tmp_path: Path) -> None:
    """The policy starts as the reference: h = 0, so DPO's loss is −log σ(0) = ln 2."""
    made = toy(tmp_path)
    ours = trained(made, tmp_path / "checkpoints")
    first = ours.history[0]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert first["rewards/margins"] == pytest.approx(0, abs=1e-6)
    assert first["learning_rate"] == 1e-2
    assert ours.history[1]["learning_rate"] == pytest.approx(5e-3)


def test_corrected_draws_start_at_their_odds(tmp_path: Path) -> None:
    """At h = 0 a loser's log-weight c alone stands in DPO's loss, −log σ(−c) = log(1 + e^c)."""
    made = toy(tmp_path, "hps-corrected", prompts=3)
    ours = trained(made, tmp_path / "checkpoints")
    corrections = [row["log_weights"][1] for row in made.rows]
    assert corrections[0] == 0
    assert min(map(abs, corrections[1:])) > 0
    expected = sum(math.log1p(math.exp(c)) for c in corrections) / 3
    assert ours.history[0]["loss"] == pytest.approx(expected, abs=1e-6)


def test_ranking_loss_starts_at_its_value_for_equal_rewards(tmp_path: Path) -> None:
    """Plackett–Luce with equal rewards: each of 4! orders has probability 1/24."""
    made = toy(tmp_path, "pl")
    ours = trained(made, tmp_path / "checkpoints", loss_settings(form="ranking"))
    assert ours.history[0]["loss"] == pytest.approx(math.log(24), abs=1e-5)


def test_two_winners_are_added_up_in_a_visit(tmp_path: Path) -> None:
    """Two comparisons of weight 1 in each visit, each −log σ(0); the mean is over visits."""
    made = toy(tmp_path, "hps-two-winners")
    ours = trained(made, tmp_path / "checkpoints")
    assert ours.history[0]["loss"] == pytest.approx(2 * math.log(2), abs=1e-6)
    assert ours.history[0]["gamma"] == -5.0


def test_learns_what_the_plan_says(tmp_path: Path) -> None:
    """Winners and losers end with tokens of their own, so that one direction tells them apart."""
    made = toy(tmp_path, epochs=30)
    ours = trained(made, tmp_path / "checkpoints", learning_rate=2e-2)
    assert ours.history[-1]["loss"] < math.log(2) / 2
    assert ours.history[-1]["rewards/accuracies"] == 1.0
    assert ours.history[-1]["rewards/margins"] > 1.0


def test_kto_trains_with_one_mismatched_pair_a_visit(tmp_path: Path) -> None:
    """At h = 0 both terms of KTO are σ(0): 1 for each of the visit's two comparisons."""
    made = toy(tmp_path, "hps-two-winners", epochs=10)
    loss = loss_settings("kto", desirable_weight=1.0, undesirable_weight=1.0)
    ours = trainer(made, loss)
    pairs = ours._mismatched_log_ratios(next(ours.data.steps(3)))
    assert pairs is not None
    assert pairs.shape == (3,)
    assert pairs.abs().max() < 1e-5
    ours = trained(made, tmp_path / "checkpoints", loss)
    assert ours.history[0]["loss"] == pytest.approx(2, abs=1e-5)
    assert ours.history[-1]["loss"] < 1.95


def test_gradients_are_clipped_and_their_norm_is_reported_unclipped(tmp_path: Path) -> None:
    """A weight of AdamW's first step is lr·sign(g) at any scale; the reported norm is not cut."""
    made = toy(tmp_path)
    tight, loose = (
        trained(made, tmp_path / str(norm), max_gradient_norm=norm) for norm in (1e-3, 1e3)
    )
    assert tight.history[0]["gradient_norm"] == loose.history[0]["gradient_norm"] > 1e-3
