"""Sampling with vLLM's offline engine: one base model, its policies' adapters beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hps_bench.engine.offline import open_engine
from hps_bench.engine.settings import LORA_RANKS
from hps_bench.errors import UserError
from hps_bench.integrity import check_folder
from hps_bench.models.loading import model_context
from hps_bench.records import read_json
from hps_bench.responses.backend import Sample, SampleRequest, room

if TYPE_CHECKING:
    from vllm import LLM
    from vllm.lora.request import LoRARequest
    from vllm.outputs import CompletionOutput

    from hps_bench.engine.settings import EngineSettings
    from hps_bench.models.settings import ModelSource
    from hps_bench.responses.settings import Sampling


@dataclass(frozen=True)
class VllmSampler:
    """Samples from a model, or from one of its adapters, which is never merged."""

    llm: LLM
    end_of_turn: frozenset[int]
    sampling: Sampling
    context: int | None
    adapter: LoRARequest | None = None

    def sample(self, requests: Sequence[SampleRequest]) -> list[list[Sample]]:
        """Samples of each request.

        Each sample is a request of its own to the engine, since it has a seed of its own; the
        prompt's cache is shared.
        """
        from vllm import TokensPrompt

        prompts = [
            TokensPrompt(prompt_token_ids=list(request.prompt_ids))
            for request in requests
            for _ in request.seeds
        ]
        params = [self._params(r, seed) for r in requests for seed in r.seeds]
        outputs = self.llm.generate(prompts, params, use_tqdm=False, lora_request=self.adapter)
        samples = iter([self._sample(output.outputs[0]) for output in outputs])
        return [[next(samples) for _ in request.seeds] for request in requests]

    def _params(self, request: SampleRequest, seed: int) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            temperature=self.sampling.temperature,
            top_p=1.0,
            seed=seed,
            max_tokens=room(request, self.context, self.sampling.max_tokens),
            stop_token_ids=sorted(self.end_of_turn),
            detokenize=False,
        )

    def _sample(self, output: CompletionOutput) -> Sample:
        ids = tuple(output.token_ids)
        if output.finish_reason == "stop":
            return Sample(ids[:-1], "stop")
        return Sample(ids, "length")


@contextmanager
def open_samplers(
    source: ModelSource,
    sampling: Sampling,
    end_of_turn: frozenset[int],
    engine: EngineSettings,
    policies: Sequence[Path] = (),
) -> Iterator[Callable[[Path | None], VllmSampler]]:
    """Give the sampler of each of these policies, and of the base model.

    Adapters share one engine. A policy with weights of its own gets an engine of its own, which
    takes the place of the one before.

    Args:
        source: base model.
        sampling: temperature and length.
        end_of_turn: ids that end a response.
        engine: memory and parallelism.
        policies: folders of the policies that will be asked for.
    """
    context = model_context(source)
    ranks = [rank for policy in policies if (rank := _rank(policy))]
    numbers = {policy: number for number, policy in enumerate(policies, start=1)}
    with ExitStack() as stack:
        running: dict[str, LLM] = {}

        def engine_of(path: str) -> LLM:
            if path not in running:
                stack.close()
                running.clear()
                model = source.model_copy(update={"path": path})
                options = _lora_options(ranks) if path == source.path else {}
                running[path] = stack.enter_context(open_engine(model, engine, **options))
            return running[path]

        def sampler(policy: Path | None) -> VllmSampler:
            adapter = None
            path = source.path
            if policy is not None and _rank(policy):
                adapter = _lora_request(policy, numbers[policy])
            elif policy is not None:
                path = str(policy)
            return VllmSampler(engine_of(path), end_of_turn, sampling, context, adapter)

        yield sampler


def _lora_request(policy: Path, number: int) -> LoRARequest:
    from vllm.lora.request import LoRARequest

    check_folder(policy)
    return LoRARequest(str(policy), number, str(policy.absolute()))


def _lora_options(ranks: Sequence[int]) -> dict[str, Any]:
    if not ranks:
        return {}
    fitting = [rank for rank in LORA_RANKS if rank >= max(ranks)]
    if not fitting:
        raise UserError(f"an adapter of rank {max(ranks)}: vLLM takes ranks up to {LORA_RANKS[-1]}")
    return {"enable_lora": True, "max_lora_rank": fitting[0], "max_loras": 1}


def _rank(policy: Path) -> int | None:
    """Rank of a policy's adapter; None for one with weights of its own."""
    config = policy / "adapter_config.json"
    return int(read_json(config)["r"]) if config.is_file() else None
