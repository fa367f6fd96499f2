"""The train stage: what it writes, and that a run that was killed ends like any other."""

import hashlib
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from hps_bench.cell import Cell
from hps_bench.chat import Completion
from hps_bench.logprobs import all_response_logps
from hps_bench.models.loading import load_policy
from hps_bench.records import read_json
from hps_bench.tracking.files import read_state
from hps_bench.training.data import load_training_data
from hps_bench.training.settings import Execution, Lora, LossSettings, TrainSettings
from hps_bench.training.stage import train_policy
from tests.processes import wait_for
from tests.unit.training.toy import Toy, cell, loss_settings, toy

OFTEN = Execution(checkpoint_steps=7)
WEIGHTS = "adapter_model.safetensors"


def digest(results: Path, weights: str = WEIGHTS, of: Cell | None = None) -> str:
    path = results / "policies" / (of or cell()).policy_path / weights
    return hashlib.sha256(path.read_bytes()).hexdigest()


def start(
    made: Toy, settings: TrainSettings, results: Path, execution: Execution = OFTEN
) -> BaseProcess:
    """Train in a process of its own, forked, so that it need not import torch anew."""
    inputs = (settings, execution, cell(), made.plan, made.reference, results)
    process = get_context("fork").Process(target=train_policy, args=inputs)
    process.start()
    return process


def steps_logged(results: Path) -> int:
    """Steps of the run's journal so far."""
    files = (results / "tracking").rglob("metrics.jsonl")
    return sum(path.read_bytes().count(b"\n") for path in files)


def wait_for_step(process: BaseProcess, results: Path, step: int) -> None:
    """Wait until a training has logged so many steps."""
    while steps_logged(results) < step:
        assert process.is_alive(), "the run ended too soon"
        time.sleep(0.005)


def kill_after(made: Toy, settings: TrainSettings, results: Path, step: int) -> None:
    """Train, and send SIGKILL as soon as this step has been logged."""
    process = start(made, settings, results)
    wait_for_step(process, results, step)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def prepared(folder: Path, **optimiser: Any) -> tuple[Toy, TrainSettings]:
    """A toy of 120 steps with dropout, so that the random state matters."""
    made = toy(folder, "hps", epochs=40)
    lora = Lora(rank=2, dropout=0.2)
    return made, made.settings(lora=lora, batch_size=2, **optimiser)


def test_killed_runs_end_with_the_same_bits(tmp_path: Path) -> None:
    made, settings = prepared(tmp_path)
    summary = train_policy(settings, OFTEN, cell(), made.plan, made.reference, tmp_path / "whole")
    assert summary["attempts"] == 1
    kills = sorted(np.random.default_rng(0).choice(np.arange(2, 100), 20, replace=False).tolist())
    for step in kills:
        kill_after(made, settings, tmp_path / "killed", step)
        assert len(list((tmp_path / "killed" / "checkpoints").rglob("step-*.pt"))) <= 2
    newest = max((tmp_path / "killed" / "checkpoints").rglob("step-*.pt"))
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    last = start(made, settings, tmp_path / "killed")
    last.join()
    assert last.exitcode == 0
    assert digest(tmp_path / "killed") == digest(tmp_path / "whole")
    run = Path("policies") / cell().policy_path
    again = read_json(tmp_path / "killed" / run / "training.json")
    assert 10 < again["attempts"] <= len(kills) + 1, "a kill may come before an attempt counts"
    same = ("steps", "first_loss", "last_loss")
    assert {name: again[name] for name in same} == {name: summary[name] for name in same}
    assert again["comparisons"] >= summary["comparisons"] == 240
    assert again["wall_seconds"] > again["kept_seconds"] > 0
    curve = (tmp_path / "whole" / run / "training.jsonl").read_text()
    assert (tmp_path / "killed" / run / "training.jsonl").read_text() == curve
    assert len(curve.splitlines()) == summary["steps"] == 120
    assert not list((tmp_path / "killed" / "checkpoints").rglob("*.pt"))


def logged(results: Path) -> list[int]:
    """Steps in the run's journal, in their order."""
    [journal] = (results / "tracking").rglob("metrics.jsonl")
    return [json.loads(line)["step"] for line in journal.read_text().splitlines()]


def train_aloud(log: Path, inputs: tuple[Any, ...]) -> None:
    """Train, and write down what is said meanwhile."""
    logging.getLogger("hps_bench").addHandler(logging.FileHandler(log))
    train_policy(*inputs)


@contextmanager
def stopped(
    made: Toy, settings: TrainSettings, results: Path, then: signal.Signals
) -> Iterator[BaseProcess]:
    """A training that is stopped in its midst, until another one waits for it; then a signal."""
    process = start(made, settings, results)
    wait_for_step(process, results, 10)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    yield process
    log = results / "waiting.log"
    wait_for(lambda: log.exists() and "waits for its end" in log.read_text(), 60)
    os.kill(process.pid, then)
    process.join()


def start_second(made: Toy, settings: TrainSettings, results: Path) -> BaseProcess:
    inputs = (settings, OFTEN, cell(), made.plan, made.reference, results)
    arguments = (results / "waiting.log", inputs)
    process = get_context("fork").Process(target=train_aloud, args=arguments)
    process.start()
    return process


def written(results: Path) -> tuple[int, int]:
    """Which file the weights are, and how often the journal was taken up."""
    state = read_state(results / "tracking" / "policies" / cell().policy_path)
    assert state is not None
    weights = results / "policies" / cell().policy_path / WEIGHTS
    return weights.stat().st_ino, state.attempt


def test_a_process_that_outlived_its_workflow_is_waited_for(tmp_path: Path) -> None:
    """The one that waited writes nothing itself."""
    made, settings = prepared(tmp_path)
    with stopped(made, settings, tmp_path, signal.SIGCONT) as first:
        second = start_second(made, settings, tmp_path)
    before = written(tmp_path)
    second.join()
    assert (first.exitcode, second.exitcode) == (0, 0)
    assert before == written(tmp_path)
    assert before[1] == 1
    assert logged(tmp_path) == list(range(1, 121))
    assert not list((tmp_path / "checkpoints").rglob("*.pt"))


def test_where_it_is_killed_the_one_that_waited_goes_on(tmp_path: Path) -> None:
    made, settings = prepared(tmp_path)
    train_policy(settings, OFTEN, cell(), made.plan, made.reference, tmp_path / "whole")
    results = tmp_path / "killed"
    with stopped(made, settings, results, signal.SIGKILL):
        second = start_second(made, settings, results)
    second.join()
    assert second.exitcode == 0
    assert written(results)[1] == 2
    assert logged(results) == list(range(1, 121))
    assert digest(results) == digest(tmp_path / "whole")


def test_a_policy_of_other_settings_is_not_taken_over(tmp_path: Path) -> None:
    """It is waited for, too: both write to the same places."""
    made, settings = prepared(tmp_path)
    other = made.settings(lora=settings.optimiser.lora, batch_size=2, learning_rate=1e-3)
    train_policy(other, OFTEN, cell(), made.plan, made.reference, tmp_path / "alone")
    with stopped(made, settings, tmp_path, signal.SIGCONT) as first:
        second = start_second(made, other, tmp_path)
    second.join()
    assert (first.exitcode, second.exitcode) == (0, 0)
    assert digest(tmp_path) == digest(tmp_path / "alone")
    assert logged(tmp_path) == list(range(1, 121))


def test_a_signal_ends_the_one_that_waits(tmp_path: Path) -> None:
    made, settings = prepared(tmp_path)
    with stopped(made, settings, tmp_path, signal.SIGKILL):
        second = start_second(made, settings, tmp_path)
        log = tmp_path / "waiting.log"
        wait_for(lambda: log.exists() and "waits for its end" in log.read_text(), 60)
        assert second.pid is not None
        os.kill(second.pid, signal.SIGUSR1)
        second.join()
    assert second.exitcode == 1, "RunInterruptedError, which the command line makes 75"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_leaves_a_checkpoint_of_the_last_step(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Checkpoints are due every 10,000 steps, so that what is there is the signal's."""
    made, settings = prepared(tmp_path)
    rarely = Execution(checkpoint_steps=10_000)
    train_policy(settings, rarely, cell(), made.plan, made.reference, tmp_path / "whole")
    process = start(made, settings, tmp_path / "stopped", rarely)
    wait_for_step(process, tmp_path / "stopped", 30)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == 1, "RunInterruptedError, which the command line makes 75"
    (left,) = (tmp_path / "stopped" / "checkpoints").rglob("step-*.pt")
    assert int(left.stem.removeprefix("step-")) >= 30
    again = train_policy(settings, rarely, cell(), made.plan, made.reference, tmp_path / "stopped")
    assert again["attempts"] == 2
    assert digest(tmp_path / "stopped") == digest(tmp_path / "whole")
    assert again["comparisons"] == 240, "no step was lost"


def train_part(
    index: int, port: int, settings: TrainSettings, made: Toy, results: Path, budget: int
) -> None:
    """One of two processes, as a launcher would start it."""
    os.environ |= {
        "WORLD_SIZE": "2",
        "RANK": str(index),
        "LOCAL_RANK": str(index),
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    AcceleratorState._reset_state(reset_partial_state=True)  # inherited by the fork
    how = Execution(micro_batch_tokens=budget)
    train_policy(settings, how, cell(), made.plan, made.reference, results)


@pytest.mark.parametrize(
    ("method", "loss", "batch_size", "budget"),
    [
        ("bt", loss_settings(), 3, 8192),
        ("pl", loss_settings(form="ranking"), 3, 8),
        ("bt", loss_settings("kto", desirable_weight=1.0, undesirable_weight=1.0), 5, 8192),
        ("hps-two-winners", loss_settings(), 1, 8192),
    ],
)
def test_two_processes_end_with_the_adapter_of_one(
    tmp_path: Path, method: str, loss: LossSettings, batch_size: int, budget: int
) -> None:
    """Over gloo. Steps of one visit leave a process without work; a last step is smaller."""
    made = toy(tmp_path, method)
    settings = made.settings(loss, batch_size=batch_size, learning_rate=1e-4)
    train_policy(settings, Execution(), cell(), made.plan, made.reference, tmp_path / "one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inputs = (port, settings, made, tmp_path / "two", budget)
    fork = get_context("fork").Process
    parts = [fork(target=train_part, args=(index, *inputs)) for index in range(2)]
    for part in parts:
        part.start()
    for part in parts:
        part.join()
    assert [part.exitcode for part in parts] == [0, 0]
    folder = Path("policies") / cell().policy_path
    one, two = (load_file(tmp_path / name / folder / WEIGHTS) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=0, atol=1e-6)
    assert read_json(tmp_path / "two" / folder / "training.json")["processes"] == 2
    curves = [
        [json.loads(line) for line in (tmp_path / name / folder / "training.jsonl").open()]
        for name in ("one", "two")
    ]
    for ours, theirs in zip(*curves, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-6)
        assert ours["rewards/margins"] == pytest.approx(theirs["rewards/margins"], abs=1e-5)


def test_a_checkpoint_of_other_settings_is_left_alone(tmp_path: Path) -> None:
    made, settings = prepared(tmp_path)
    kill_after(made, settings, tmp_path / "results", 20)
    _, other = prepared(tmp_path, learning_rate=3e-3)
    train_policy(other, OFTEN, cell(), made.plan, made.reference, tmp_path / "results")
    train_policy(other, OFTEN, cell(), made.plan, made.reference, tmp_path / "fresh")
    assert digest(tmp_path / "results") == digest(tmp_path / "fresh")
    left = list((tmp_path / "results" / "checkpoints").rglob("step-*.pt"))
    assert left, "the killed run can still go on"
    summary = train_policy(settings, OFTEN, cell(), made.plan, made.reference, tmp_path / "results")
    assert summary["attempts"] == 2


def test_seeds_differ_and_repeat(tmp_path: Path) -> None:
    made = toy(tmp_path)
    runs = [(cell(seed=0), "a"), (cell(seed=0), "b"), (cell(seed=1), "c")]
    for which, results in runs:
        train_policy(
            made.settings(), Execution(), which, made.plan, made.reference, tmp_path / results
        )
    first, again, other = (digest(tmp_path / results, of=which) for which, results in runs)
    assert first == again != other


def test_full_fine_tuning_saves_a_model(tmp_path: Path) -> None:
    made = toy(tmp_path, epochs=6)
    settings = made.settings(learning_rate=1e-3)
    whole = settings.optimiser.model_copy(update={"lora": None})
    settings = settings.model_copy(update={"optimiser": whole})
    summary = train_policy(settings, OFTEN, cell(), made.plan, made.reference, tmp_path / "results")
    assert summary["last_loss"] < summary["first_loss"]
    folder = tmp_path / "results" / "policies" / cell().policy_path
    assert (folder / settings.optimiser.weights_name).is_file()
    assert not (folder / "adapter_config.json").exists()
    completions = [Completion([5, 6, 7], [8, 9])]
    policy, base = load_policy(made.model, folder), load_policy(made.model, Path(made.model.path))
    assert all_response_logps(policy, completions, 64) != all_response_logps(base, completions, 64)


def test_output_folder(tmp_path: Path) -> None:
    """Two steps; ``training.json`` states them, and the manifest the digests of the inputs."""
    made = toy(tmp_path)
    summary = train_policy(
        made.settings(), Execution(), cell(), made.plan, made.reference, tmp_path / "results"
    )
    folder = tmp_path / "results" / "policies" / cell().policy_path
    assert read_json(folder / "training.json") == summary
    assert (summary["steps"], summary["processes"], summary["attempts"]) == (2, 1, 1)
    completions = [
        r.completion
        for step in load_training_data(made.plan, made.reference, needs_mismatched=False).steps(3)
        for c in step
        for r in c.responses
    ]
    assert (summary["comparisons"], summary["pairs"]) == (6, 6)
    assert summary["tokens"] == sum(completion.length for completion in completions)
    assert summary["flops"] > 0
    lines = [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    expected = hashlib.sha256(made.plan.read_bytes()).hexdigest()
    assert read_json(folder / "manifest.json")["inputs"][os.fspath(made.plan)] == expected


@pytest.mark.parametrize("name", ["training.json", "training.jsonl", "manifest.json", WEIGHTS])
def test_output_is_complete(tmp_path: Path, name: str) -> None:
    made = toy(tmp_path, prompts=2)
    train_policy(
        made.settings(), Execution(), cell(), made.plan, made.reference, tmp_path / "results"
    )
    assert (tmp_path / "results" / "policies" / cell().policy_path / name).is_file()


def test_float32_weights_train_with_products_in_bfloat16(tmp_path: Path) -> None:
    """Values are those of float32 within bfloat16's three digits, and weights stay float32."""
    made = toy(tmp_path)
    summaries = []
    for precision in ("no", "bf16"):
        settings = made.settings(learning_rate=1e-4, mixed_precision=precision)
        whole = settings.optimiser.model_copy(update={"lora": None})
        settings = settings.model_copy(update={"optimiser": whole})
        results = tmp_path / precision
        AcceleratorState._reset_state(reset_partial_state=True)  # one precision a process
        summaries.append(
            train_policy(settings, Execution(), cell(), made.plan, made.reference, results)
        )
    AcceleratorState._reset_state(reset_partial_state=True)
    policies = [tmp_path / p / "policies" / cell().policy_path for p in ("no", "bf16")]
    exact, rounded = (load_file(folder / "model.safetensors") for folder in policies)
    assert {value.dtype for value in rounded.values()} == {torch.float32}
    assert any(not torch.equal(rounded[name], exact[name]) for name in exact)
    assert summaries[1]["last_loss"] == pytest.approx(summaries[0]["last_loss"], rel=2e-2)
