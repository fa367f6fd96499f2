"""Scoring with vLLM on a CPU: the rewards of transformers, and prompts computed once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hps_bench.backends import open_scorer
from hps_bench.engine.settings import EngineSettings
from hps_bench.errors import RunInterruptedError, UserError
from hps_bench.models.settings import RewardModelSource
from hps_bench.rewards.backend import Conversations, ReadingScorer, Scored
from hps_bench.rewards.settings import RewardsSettings
from hps_bench.rewards.vllm_backend import Classifier
from hps_bench.rewards.vllm_backend import open_scorer as open_vllm
from tests.processes import children
from tests.unit.rewards.reward_models import armorm, classifier

pytestmark = [pytest.mark.vllm, pytest.mark.xdist_group("vllm")]

ENGINE = EngineSettings(eager=True, max_tokens_per_step=2048)
WIDTH, HEADS = 96, 3
"""Heads of 32, the least that vLLM's attention on a CPU takes."""

RESPONSES = 8
TEXT = "hello there , how are you ? i am fine , thank you . no , i can not do that . "


def words(first: int, count: int) -> str:
    """Consecutive words of a text that goes round."""
    known = TEXT.split()
    return " ".join(known[place % len(known)] for place in range(first, first + count))


def conversations(prompts: int, first: int = 0) -> Conversations:
    """Prompts of 2, 12, 22, ... words, with eight responses each, in turn."""
    return [
        ([{"role": "user", "content": words(first + prompt, 2 + 10 * prompt)}], words(index, 3))
        for index in range(RESPONSES)
        for prompt in range(prompts)
    ]


def by_transformers(source: RewardModelSource, asked: Conversations) -> list[Scored]:
    with open_scorer(RewardsSettings(model=source), ENGINE) as scorer:
        return scorer.score(asked)


def assert_same(found: list[Scored], expected: list[Scored]) -> None:
    for left, right in zip(found, expected, strict=True):
        assert left.values == pytest.approx(right.values, abs=1e-4)
    rewards = [each.reward for each in expected]
    assert max(rewards) - min(rewards) > 0.5


def with_longest(source: RewardModelSource, asked: Conversations) -> RewardModelSource:
    """The source with a context that the longest of the conversations fills to the last token."""
    with open_scorer(RewardsSettings(model=source), ENGINE) as scorer:
        assert isinstance(scorer, ReadingScorer)
        longest = max(len(scorer.encoder.conversation(*each)) for each in asked)
    return source.model_copy(update={"context": longest})


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> RewardModelSource:
    made = classifier(tmp_path_factory.mktemp("score"), hidden_size=WIDTH, heads=HEADS)
    return with_longest(made, conversations(8))


@pytest.fixture(scope="module")
def scorer(source: RewardModelSource) -> Iterator[ReadingScorer]:
    with open_vllm(RewardsSettings(model=source, backend="vllm"), ENGINE) as opened:
        yield opened


@pytest.fixture(scope="module")
def gated_source(tmp_path_factory: pytest.TempPathFactory) -> RewardModelSource:
    folder = tmp_path_factory.mktemp("armorm")
    return armorm(folder, hidden_size=WIDTH, heads=HEADS, shards=2)


@pytest.fixture(scope="module")
def gated_scorer(gated_source: RewardModelSource) -> Iterator[ReadingScorer]:
    with open_vllm(RewardsSettings(model=gated_source, backend="vllm"), ENGINE) as opened:
        yield opened


def test_the_rewards_of_transformers(source: RewardModelSource, scorer: ReadingScorer) -> None:
    asked = conversations(8)
    assert_same(scorer.score(asked), by_transformers(source, asked))


def test_no_response_is_cut(scorer: ReadingScorer) -> None:
    longest = conversations(8)[-1]
    with pytest.raises(UserError, match="1 of 1 conversations are longer than"):
        scorer.score([(longest[0], longest[1] + " " + words(0, 8))])


def test_a_prompt_is_computed_once(scorer: ReadingScorer) -> None:
    """All responses but one take the prompt's whole blocks from the cache, at the first call."""
    asked = conversations(8, first=5)
    assert isinstance(scorer.rate, Classifier)
    ids = [scorer.encoder.conversation(*each) for each in asked]
    outputs = scorer.rate.pooling.outputs(ids)
    for prompt in range(8):
        of_prompt = outputs[prompt::8]
        blocks = len(scorer.encoder.prompt(asked[prompt][0])) // 32
        cached = sorted(output.num_cached_tokens for output in of_prompt)
        assert cached == [cached[0], *[32 * blocks] * (RESPONSES - 1)], prompt
        assert cached[0] == 0
    assert max(output.num_cached_tokens for output in outputs) >= 64


def test_armorm(gated_source: RewardModelSource, gated_scorer: ReadingScorer) -> None:
    asked = conversations(8)
    expected = by_transformers(gated_source, asked)
    assert_same(gated_scorer.score(asked), expected)
    assert len({round(each.score or 0, 4) for each in expected}) == len(asked)


def test_a_killed_engine_is_one_line(source: RewardModelSource) -> None:
    started = time.monotonic()
    with pytest.raises(RunInterruptedError, match="vLLM's engine ended while it worked") as error:
        score_with_a_killed_engine(RewardsSettings(model=source, backend="vllm"))
    assert time.monotonic() - started < 120
    assert "\n" not in str(error.value)


def score_with_a_killed_engine(settings: RewardsSettings) -> None:
    """The engine is stopped before it is asked, so it dies while its outputs are waited for."""
    earlier = engines()
    with open_vllm(settings, ENGINE) as scorer:
        assert len(scorer.score(conversations(1))) == RESPONSES
        (engine,) = engines() - earlier
        os.kill(engine, signal.SIGSTOP)
        threading.Timer(2, os.kill, (engine, signal.SIGKILL)).start()
        scorer.score(conversations(8))


def engines() -> set[int]:
    """Engines that this process has started."""
    names = {pid: Path(f"/proc/{pid}/comm").read_text() for pid in children(os.getpid())}
    return {pid for pid, name in names.items() if name.startswith("VLLM")}
