"""Options of the engine `vllm`, and the arguments derived from them."""

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
    """The fields of the engine `vllm`, and properties derived from them."""

    version: ClassVar[int] = 1
    local_model: ClassVar[bool] = True

    kind: Literal["vllm"] = "vllm"
    model: Annotated[str, Field(min_length=1, description="folder with a checkpoint, or name of a model on a hub")]
    hub_revision: Annotated[str | None, Field(description="branch, tag or commit of a model on a hub")] = None
    dtype: Annotated[
        Literal["auto", "bfloat16", "float16", "float32"],
        Field(description="number type of the weights; auto: that of the checkpoint"),
    ] = "auto"
    max_model_len: Annotated[
        int | None, Field(ge=256, description="context size in tokens; null: the model's maximum")
    ] = None
    temperature: Annotated[
        float, Field(ge=0, le=2, description="sampling temperature; 0: always the most likely token")
    ] = 0.0
    top_p: Annotated[
        float,
        Field(
            gt=0, le=1, description="nucleus sampling: sample from the most likely tokens up to this total probability"
        ),
    ] = 1.0
    repetition_penalty: Annotated[
        float,
        Field(
            ge=0.5, le=2, description="values above 1 make tokens that were used less likely; 1.05 helps small models"
        ),
    ] = 1.0
    retry_temperature: Annotated[
        float, Field(ge=0, le=2, description="minimum temperature of the attempts after a rejected answer")
    ] = 0.7
    max_tokens: Annotated[
        int, Field(ge=16, description="maximum tokens of an answer; an answer that reaches them counts as truncated")
    ] = 768
    frames_as: Annotated[
        Literal["auto", "images", "video", "halves"],
        Field(
            description="how the frames of a window are sent: video, with times in the model's own format; halves, "
            "one video for each half of the window, which windows that overlap by half share; images, "
            "each after its time; auto: video if the model accepts videos"
        ),
        Was("pictures_as"),
    ] = "auto"
    max_frames: Annotated[
        int,
        Field(ge=1, description="maximum number of images in a prompt; a window of 10 s at 1 frame per second has 10"),
        Was("max_pictures"),
    ] = 16
    system: Annotated[str | None, Field(description="system message before every prompt; null: none")] = None
    chat_template_kwargs: Annotated[
        Mapping[str, Any], Field(description="options of the model's chat template, such as enable_thinking: false")
    ] = field(default_factory=dict)
    reasoning_parser: Annotated[
        str | None,
        Field(
            description="vLLM's reasoning parser for a reasoning model, such as qwen3 or deepseek_r1; the reasoning "
            "is not part of the answer, and every answer may use max_tokens; null: none"
        ),
    ] = None
    processor_kwargs: Annotated[
        Mapping[str, Any], Field(description="options of the model's image processor, such as max_pixels")
    ] = field(default_factory=dict)

    max_num_seqs: Annotated[
        int, Field(ge=1, description="maximum number of sequences that run concurrently; 1: reproducible"), SIZING
    ] = 64
    tensor_parallel: Annotated[int, Field(ge=1, description="number of GPUs for tensor parallelism"), SIZING] = 1
    pipeline_parallel: Annotated[int, Field(ge=1, description="number of pipeline stages"), SIZING] = 1
    gpu_memory_utilization: Annotated[
        float, Field(gt=0, le=1, description="share of a GPU's memory that the engine uses"), SIZING
    ] = 0.9
    enforce_eager: Annotated[
        bool | None,
        Field(description="do not compile the model: starts in seconds, runs slower; null: true only on the CPU"),
        SIZING,
    ] = None
    cpu_kv_cache_gib: Annotated[
        int, Field(ge=1, description="size of the KV cache in GiB, if vLLM runs on the CPU"), SIZING
    ] = 1
    cpu_threads: Annotated[
        int,
        Field(
            ge=1, description="number of threads of one engine, if vLLM runs on the CPU; more slow down other actors"
        ),
        SIZING,
    ] = 1
    restarts: Annotated[
        int,
        Field(ge=0, description="maximum number of restarts of an engine that died; its requests are repeated"),
        SIZING,
    ] = 3
    stall_s: Annotated[
        float,
        Field(
            gt=0,
            description="time in s without any token, while requests wait, after which an engine is considered dead",
        ),
        SIZING,
    ] = 600.0
    engine_args: Annotated[
        Mapping[str, Any],
        Field(
            description="further arguments of vLLM's AsyncEngineArgs; those that affect answers make new captions "
            "(docs/vllm.md)"
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
        """A fingerprint of a folder's weights, and the arguments that affect answers."""
        return {**super().identity_extra(), "revision": self.revision, **answering(self.engine_args)}

    def sampling(self, attempt: int) -> dict[str, float]:
        """See `operators.engines.drawing.sampling`."""
        return drawing.sampling(self, attempt)

    def answer_tokens(self, request: Request) -> int:
        """Token limit of the answer to `request`."""
        if self.reasoning_parser is not None and request.kind != "outline":  # the length of the reasoning is unknown
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
    """Sampling settings and the seed as the JSON that is stored in rows."""
    return json.dumps({**settings, "seed": seed}, sort_keys=True)
