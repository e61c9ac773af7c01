"""Pooling models in vLLM, in the actor's process: text embedding models, and image–text models such as SigLIP."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from operators.core.base import SIZING, ItemError
from operators.embedding.embedders.base import EmbedderSpec, Modality, RunningEmbedder
from operators.embedding.vectors import Vectors, unit
from operators.engines.base import EngineRefused
from operators.engines.vllm import installed, offline


@dataclass(frozen=True, kw_only=True)
class Vllm(EmbedderSpec):
    """A model that vLLM runs with `runner="pooling"`."""

    version: ClassVar[int] = 1
    modalities: ClassVar[frozenset[Modality]] = frozenset({"frames", "texts"})

    kind: Literal["vllm"] = "vllm"
    model: Annotated[str, Field(min_length=1, description="folder of a model, or its name on the hub")]
    revision: Annotated[str | None, Field(description="revision of a model on the hub; null: the newest")] = None
    text_prompt: Annotated[str, Field(description="template of a text, with {text} as its placeholder")] = "{text}"
    frame_prompt: Annotated[
        str,
        Field(description="text of a frame, with the model's image token if it needs one; empty for SigLIP"),
    ] = ""
    dtype: Annotated[str, Field(description="data type of the weights, as vLLM names it")] = "auto"
    max_model_len: Annotated[
        int | None, Field(ge=16, description="token limit; longer texts are truncated; null: the model's limit")
    ] = None
    gpu_memory_utilization: Annotated[
        float, Field(gt=0, le=1, description="share of a GPU's memory that vLLM takes"), SIZING
    ] = 0.3
    cpu_kv_cache_gib: Annotated[int, Field(ge=1, description="KV cache of vLLM on a CPU, GiB"), SIZING] = 1
    cpu_threads: Annotated[int, Field(ge=1, description="threads of vLLM on a CPU"), SIZING] = 1
    engine_args: Annotated[
        dict[str, Any], Field(description="further arguments of vLLM's EngineArgs, such as {trust_remote_code: true}")
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "{text}" not in self.text_prompt:
            raise ValueError("text_prompt has no placeholder {text}")

    @property
    def model_id(self) -> str:
        return f"vllm {self.model.rstrip('/').rpartition('/')[2] if self.model.startswith('/') else self.model}"

    @property
    def gpus(self) -> float:
        return 1.0

    def identity_extra(self) -> dict[str, Any]:
        return {**super().identity_extra(), **installed.weights_identity(self.model)}

    def check(self, *, elsewhere: bool = False) -> None:
        offline.check("embedder vllm", self.model, self.engine_args, elsewhere=elsewhere)

    @contextmanager
    def open(self) -> Iterator[RunningEmbedder]:
        try:
            self.check()
        except ValueError as error:
            raise EngineRefused(str(error)) from error
        with offline.booted(
            "embedder vllm",
            self.model,
            kv_cache_gib=self.cpu_kv_cache_gib,
            threads=self.cpu_threads,
            arguments={
                "runner": "pooling",
                "max_model_len": self.max_model_len,
                "revision": self.revision,
                "dtype": self.dtype,
                "gpu_memory_utilization": self.gpu_memory_utilization,
                **self.engine_args,
            },
        ) as model:
            yield _Running(self, model)


class _Running(RunningEmbedder):
    def __init__(self, spec: Vllm, model: Any) -> None:
        self._spec, self._model = spec, model

    def texts(self, texts: Sequence[str]) -> Vectors:
        return self._embedded([{"prompt": self._spec.text_prompt.replace("{text}", text)} for text in texts])

    def frames(self, jpegs: Sequence[bytes]) -> Vectors:
        from PIL import Image

        images = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in jpegs]
        return self._embedded(
            [{"prompt": self._spec.frame_prompt, "multi_modal_data": {"image": image}} for image in images]
        )

    def _embedded(self, prompts: list[dict[str, Any]]) -> Vectors:
        if not prompts:
            return np.zeros((0, 0), np.float32)
        try:
            # -1: as many tokens as the model accepts
            made = self._model.embed(prompts, use_tqdm=False, tokenization_kwargs={"truncate_prompt_tokens": -1})
        except (ValueError, RuntimeError) as error:
            line = " ".join(str(error).split())[:300]
            raise ItemError("engine", f"{self._spec.model_id} failed to embed: {line}") from error
        return unit(np.array([one.outputs.embedding for one in made], np.float32))
