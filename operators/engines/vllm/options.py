"""What a config says of a vLLM engine, and what requests and arguments follow from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.core.base import SIZING, Was
from operators.engines import drawing
from operators.engines.base import EngineSpec, Request
from operators.engines.vllm import installed
from operators.engines.vllm.arguments import answering


@dataclass(frozen=True, kw_only=True)
class VllmOptions(EngineSpec):
    """The fields of the engine `vllm`, and what follows from them alone."""

    version: ClassVar[int] = 1
    local_model: ClassVar[bool] = True

    kind: Literal["vllm"] = "vllm"
    model: Annotated[str, Field(min_length=1, description="a folder with a checkpoint, or a model's name on a hub")]
    hub_revision: Annotated[str | None, Field(description="branch, tag or commit of a model on a hub")] = None
    dtype: Annotated[
        Literal["auto", "bfloat16", "float16", "float32"], Field(description="number type; auto: the checkpoint's own")
    ] = "auto"
    max_model_len: Annotated[
        int | None, Field(ge=256, description="tokens of prompt and answer together; null: what the model can")
    ] = None
    temperature: Annotated[float, Field(ge=0, le=2, description="0 takes the likeliest word, more draws")] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1, description="draw from the likeliest words up to this share")] = 1.0
    repetition_penalty: Annotated[
        float, Field(ge=0.5, le=2, description="over 1 makes words that were used less likely; 1.05 helps small models")
    ] = 1.0
    retry_temperature: Annotated[
        float, Field(ge=0, le=2, description="least temperature after a gate has sent an answer back")
    ] = 0.7
    max_tokens: Annotated[int, Field(ge=16, description="tokens that an answer may take before it counts as cut")] = 768
    frames_as: Annotated[
        Literal["auto", "images", "video", "halves"],
        Field(
            description="how a window's frames are shown: video, with times as the model marks them; halves, as a "
            "video for each half of the window, which windows that overlap by half share; images, each with its time "
            "before it; auto: video where the model takes videos"
        ),
        Was("pictures_as"),
    ] = "auto"
    max_frames: Annotated[
        int,
        Field(ge=1, description="images a prompt may hold; a window of 10 s at 1 frame a second has 10"),
        Was("max_pictures"),
    ] = 16
    system: Annotated[str | None, Field(description="system message before every prompt; null: none")] = None
    chat_template_kwargs: Annotated[
        Mapping[str, Any], Field(description="options of the model's chat template, such as enable_thinking: false")
    ] = field(default_factory=dict)
    reasoning_parser: Annotated[
        str | None,
        Field(
            description="vLLM's parser for a model that thinks before it answers, such as qwen3 or deepseek_r1; its "
            "thoughts are no part of the answer, and an answer may take max_tokens whatever is asked; null: none"
        ),
    ] = None
    processor_kwargs: Annotated[
        Mapping[str, Any], Field(description="options of the model's image processor, such as max_pixels")
    ] = field(default_factory=dict)

    max_num_seqs: Annotated[int, Field(ge=1, description="sequences that run together; 1: reproducible"), SIZING] = 64
    tensor_parallel: Annotated[int, Field(ge=1, description="GPUs that share each layer"), SIZING] = 1
    pipeline_parallel: Annotated[int, Field(ge=1, description="groups of GPUs that share the layers"), SIZING] = 1
    gpu_memory_utilization: Annotated[
        float, Field(gt=0, le=1, description="share of a GPU's memory that the engine takes"), SIZING
    ] = 0.9
    enforce_eager: Annotated[
        bool | None,
        Field(description="run without compiling: boots in seconds, runs slower; null: only on the CPU"),
        SIZING,
    ] = None
    cpu_kv_cache_gib: Annotated[
        int, Field(ge=1, description="memory for keys and values in GiB, where vLLM runs on the CPU"), SIZING
    ] = 1
    cpu_threads: Annotated[
        int,
        Field(ge=1, description="threads of one engine where vLLM runs on the CPU; more slow down its neighbours"),
        SIZING,
    ] = 1
    restarts: Annotated[
        int,
        Field(ge=0, description="times an engine that died is booted again; what it was asked is asked again"),
        SIZING,
    ] = 3
    stall_s: Annotated[
        float,
        Field(gt=0, description="s without a single token, while requests wait, after which an engine counts as dead"),
        SIZING,
    ] = 600.0
    engine_args: Annotated[
        Mapping[str, Any],
        Field(
            description="any other argument of vLLM's AsyncEngineArgs, by vLLM's own name; those that change answers "
            "make new captions (docs/vllm.md)"
        ),
        SIZING,
    ] = field(default_factory=dict)

    @property
    def model_id(self) -> str:
        return self.model

    @property
    def revision(self) -> str:
        """The hub's revision, or a fingerprint of a folder's config and the sizes of its weights."""
        return self.hub_revision or installed.folder_revision(self.model) or "main"

    @property
    def gpus(self) -> int:
        return self.tensor_parallel * self.pipeline_parallel

    def identity_extra(self) -> dict[str, Any]:
        """A folder whose weights were exchanged is another model, and some arguments change answers."""
        return {**super().identity_extra(), "revision": self.revision, **answering(self.engine_args)}

    def sampling(self, attempt: int) -> dict[str, float]:
        """See `operators.engines.drawing.sampling`."""
        return drawing.sampling(self, attempt)

    def answer_tokens(self, request: Request) -> int:
        """Tokens that the answer to `request` may take."""
        if self.reasoning_parser is not None and request.kind != "outline":  # thoughts take what they take
            return self.max_tokens
        return drawing.answer_tokens(self.max_tokens, request)

    def arguments(self) -> dict[str, Any]:
        """Arguments of vLLM's `AsyncEngineArgs`."""
        limit = {"image": self.max_frames, "video": 2 if self.frames_as == "halves" else 1}
        given = {
            "model": self.model,
            "revision": self.hub_revision,
            "dtype": self.dtype,
            "max_model_len": self.max_model_len,
            "max_num_seqs": self.max_num_seqs,
            "tensor_parallel_size": self.tensor_parallel,
            "pipeline_parallel_size": self.pipeline_parallel,
            "gpu_memory_utilization": self.gpu_memory_utilization,
            "limit_mm_per_prompt": limit if installed.sees(self.model) is not False else {},
            "reasoning_parser": self.reasoning_parser,
            "mm_processor_kwargs": dict(self.processor_kwargs) or None,
            "enforce_eager": installed.on_cpu() if self.enforce_eager is None else self.enforce_eager,
            "enable_prefix_caching": True,
            # on the CPU vLLM dies of a seeded draw whose prompt it has split over two steps
            "enable_chunked_prefill": False if installed.on_cpu() else None,
            "disable_log_stats": True,
            **self.engine_args,
        }
        return {name: value for name, value in given.items() if value is not None}


def dump_sampling(settings: Mapping[str, Any], seed: int) -> str:
    """Sampling settings and the seed as the JSON that rows keep."""
    return json.dumps({**settings, "seed": seed}, sort_keys=True)
