"""Settings of vLLM's engine: they decide speed and memory, not results."""

from __future__ import annotations

from pydantic import Field

from hps_bench.settings import Settings

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Sizes that vLLM has for adapters."""


class EngineSettings(Settings):
    """How much of a machine an engine takes."""

    gpu_memory: float = Field(0.9, gt=0, le=1, description="share of a GPU's memory")
    cpu_cache_gib: int = Field(1, ge=1, description="key-value cache on a CPU, GiB")
    eager: bool = Field(False, description="whether to start without CUDA graphs: sooner, slower")
    max_tokens_per_step: int = Field(16384, ge=1, description="tokens computed together")
    gpus: int = Field(1, ge=1, description="GPUs of one engine (tensor parallel)")
