"""Rewards against transformers' own sequence classifier, one row at a time."""

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForSequenceClassification

from hps_bench.models.reward_model import all_rewards, rewards

CONVERSATIONS = [[5, 6, 7, 8], [9], [10, 11, 12, 13, 14, 15, 16], [17, 18]]


@cache
def classifier() -> LlamaForSequenceClassification:
    """A random classifier of two layers; its padding id occurs in no conversation."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        initializer_range=0.3,
        pad_token_id=63,
        num_labels=1,
    )
    return LlamaForSequenceClassification(config).eval()


@torch.no_grad()
def theirs(ids: list[int]) -> float:
    """Reward that transformers' forward gives one row."""
    return float(classifier()(input_ids=torch.tensor([ids])).logits[0, 0])


def test_equals_transformers_on_single_rows() -> None:
    expected = [theirs(ids) for ids in CONVERSATIONS]
    assert len({round(value, 3) for value in expected}) == 4
    assert rewards(classifier(), CONVERSATIONS).tolist() == pytest.approx(expected, abs=1e-5)


@settings(max_examples=20)
@given(
    st.lists(st.lists(st.integers(0, 62), min_size=1, max_size=20), min_size=1, max_size=9),
    st.integers(1, 100),
)
def test_any_batching_gives_the_same(conversations: list[list[int]], budget: int) -> None:
    expected = [theirs(ids) for ids in conversations]
    assert all_rewards(classifier(), conversations, budget) == pytest.approx(expected, abs=1e-4)
