"""The judge's own server: a random tiny Llama, bound to the form of the answers by vLLM."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from hps_bench.errors import UserError
from hps_bench.judge.criteria import CRITERIA, GRID
from hps_bench.judge.questions import score_inquiry
from hps_bench.judge.settings import JudgeSettings
from hps_bench.models.language_model import tiny_llama
from hps_bench.models.settings import Architecture
from hps_bench.models.tokenizer import train_tokenizer
from tests.processes import children, group, is_gone, wait_for
from tests.unit.judge.asked import questions
from tests.unit.judge.stage_inputs import Inputs

pytestmark = [pytest.mark.vllm, pytest.mark.xdist_group("vllm")]

PROMPTS, SAMPLES = 20, 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    [question] = questions("five minutes")
    texts = [message["content"] for message in score_inquiry(question).messages]
    tokenizer = train_tokenizer(texts, 600)
    # Heads of 32, the least that vLLM's attention on a CPU takes.
    shape = Architecture(hidden_size=96, layers=2, heads=3, intermediate_size=128, max_length=2048)
    tiny_llama(shape, tokenizer, 0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    samples = {
        f"p{prompt:02}": [f"p{prompt} {index}" for index in range(SAMPLES)]
        for prompt in range(PROMPTS)
    }
    return Inputs(tmp_path, {"sft": samples})


def _settings(model: Path) -> JudgeSettings:
    server = {
        "model": {"path": os.fspath(model), "dtype": "float32"},
        "engine": {"eager": True, "max_tokens_per_step": 4096},
        "start_seconds": 300,
    }
    patience = {"concurrency": 2, "retries": 1, "samples": SAMPLES, "repeat_share": 0}
    return JudgeSettings.model_validate({"backend": "server", "server": server, **patience})


def _server_of(stage: int) -> int | None:
    """Process id of vLLM's server, the keeper's child, once it is there."""
    keepers = [child for child in children(stage) if b"judge.keeper" in _command(child)]
    servers = [server for keeper in keepers for server in children(keeper)]
    return servers[0] if servers else None


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _answers(inputs: Inputs) -> int:
    return sum(path.read_bytes().count(b"\n\n") + 1 for path in inputs.cache.glob("*.jsonl"))


def test_every_answer_has_its_form_and_the_server_is_gone(model: Path, inputs: Inputs) -> None:
    seen = set[int]()
    watching = _in_thread(lambda: _collect(inputs, seen))
    summary = inputs.judge(_settings(model))
    watching.join()
    rows = inputs.scores()
    assert len(rows) == PROMPTS * SAMPLES
    outcomes = Counter(row["outcome"] for row in rows)
    assert outcomes["scored"] + outcomes["unparsed"] == len(rows)
    assert outcomes["scored"] >= len(rows) - summary["truncated"]
    scored = [row for row in rows if row["outcome"] == "scored"]
    assert scored
    assert all(row[criterion] in GRID for row in scored for criterion in CRITERIA)
    assert not any(space in row["answer"] for row in scored for space in " \n")
    assert len(seen) >= 2  # the server and its engine
    assert all(map(is_gone, seen))
    again = inputs.judge(_settings(model))
    assert (again["requests"], again["from_cache"]) == (0, len(scored))


def _collect(inputs: Inputs, seen: set[int]) -> None:
    """Note the server's processes while it answers."""
    wait_for(lambda: _answers(inputs) >= 5, 300)
    server = _server_of(os.getpid())
    assert server
    seen.update(group(server))


def test_a_server_killed_in_the_middle_costs_no_answer(model: Path, inputs: Inputs) -> None:
    def kill() -> None:
        wait_for(lambda: _answers(inputs) >= 5, 300)
        server = _server_of(os.getpid())
        assert server
        os.kill(server, signal.SIGKILL)

    killing = _in_thread(kill)
    with pytest.raises(UserError, match="server ended in the middle") as raised:
        inputs.judge(_settings(model))
    killing.join()
    assert "\n" not in str(raised.value)
    assert str(inputs.output / "server.log") in str(raised.value)
    assert _server_of(os.getpid()) is None
    kept = _answers(inputs)
    assert 5 <= kept < PROMPTS * SAMPLES
    summary = inputs.judge(_settings(model))
    assert summary["from_cache"] == kept
    assert summary["scores"]["scored"] + summary["scores"]["unparsed"] == PROMPTS * SAMPLES
    assert summary["requests"] - summary["truncated"] <= PROMPTS * SAMPLES - kept


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["starting", "answering"])
def test_no_server_outlives_a_killed_stage(
    model: Path, inputs: Inputs, number: signal.Signals, moment: str
) -> None:
    stage = subprocess.Popen(inputs.command(_settings(model)))
    wait_for(lambda: _server_of(stage.pid), 60)
    server = _server_of(stage.pid)
    assert server
    if moment == "answering":
        wait_for(lambda: _answers(inputs) >= 5, 300)
    stage.send_signal(number)
    stage.wait(30)
    wait_for(lambda: not group(server), 60)


def test_a_server_that_cannot_start_is_one_line(model: Path, inputs: Inputs) -> None:
    (model / "config.json").rename(model / "elsewhere")
    try:
        with pytest.raises(UserError, match="the judge's server did not start") as raised:
            inputs.judge(_settings(model))
    finally:
        (model / "elsewhere").rename(model / "config.json")
    assert "\n" not in str(raised.value)
    assert str(inputs.output / "server.log") in str(raised.value)


def _in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
