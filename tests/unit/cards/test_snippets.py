"""The commands of a card run as they stand there, in the policy's folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from hps_bench.cards.stage import write_cards
from hps_bench.models.saving import save_model
from hps_bench.models.settings import ModelSource
from hps_bench.training.policy import new_policy
from hps_bench.training.settings import Lora
from tests.unit.cards.fabricated import job, write_policy
from tests.unit.tables.fabricated import cell
from tests.unit.tiny import tokenizer
from tests.vllm.models import save_model as save_base

OFFLINE = {**os.environ, "HF_HUB_OFFLINE": "1"}


def policy_of(results: Path, lora: Lora | None) -> Path:
    """Folder of a tiny policy and its card, beside the base model in the results."""
    base = save_base(results / "models" / "policy")
    folder = write_policy(results, cell(), base, lora)
    save_model(new_policy(base, lora, seed=0), tokenizer(), folder)
    write_cards(job(cell()), results)
    return folder


def block(folder: Path, language: str) -> str:
    """The only code block of a language in a folder's card."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
    return str(found)


@pytest.mark.parametrize("lora", [Lora(), None])
def test_a_policy_answers_where_its_card_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: Lora | None
) -> None:
    folder = policy_of(tmp_path, lora)
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(block(folder, "python"), names)
    assert names["output"].shape[1] > names["inputs"]["input_ids"].shape[1]
    assert hasattr(names["policy"], "peft_config") == (lora is not None)


def test_a_policy_that_is_trained_again_gets_a_new_card(tmp_path: Path) -> None:
    """PEFT reads the card that it finds, and writes what it has to say into it."""
    folder = policy_of(tmp_path, Lora())
    written = (folder / "README.md").read_text(encoding="utf-8")
    base = ModelSource(path=str(tmp_path / "models" / "policy"), dtype="float32")
    save_model(new_policy(base, Lora(), seed=0), tokenizer(), folder)
    assert not (folder / "README.md").exists()
    assert write_cards(job(cell()), tmp_path)["written"] == 1
    assert (folder / "README.md").read_text(encoding="utf-8") == written


@pytest.mark.vllm
def test_vllm_serves_a_policy_where_its_card_is(tmp_path: Path) -> None:
    folder = policy_of(tmp_path, Lora())
    [line] = block(folder, "console").splitlines()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = shlex.split(line.removeprefix("$ "))
    assert command[0] == "python"
    command[0] = sys.executable
    where = ["--host", "127.0.0.1", "--port", str(port)]
    variables = OFFLINE | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, *where], cwd=folder, env=variables, stdout=log, stderr=log
        )
    try:
        assert answer(port, server, tmp_path / "log")["model"] == "policy"
    finally:
        server.terminate()
        server.wait(timeout=60)


def answer(port: int, server: subprocess.Popen[bytes], log: Path) -> dict[str, object]:
    """What the server says as ``policy``, once it is up."""
    message = {"role": "user", "content": "hello there"}
    body = {"model": "policy", "messages": [message], "max_tokens": 4}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 240
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with direct.open(request, timeout=60) as response:
                return dict(json.load(response))
        except ConnectionRefusedError:
            pass
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
        time.sleep(1)
    raise AssertionError(log.read_text(errors="replace")[-3000:])
