"""Pooling models in vLLM, in the actor's own process: text embedding models, and image–text ones such as SigLIP."""

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
    revision: Annotated[str | None, Field(description="of a model on the hub; null: its newest")] = None
    text_prompt: Annotated[str, Field(description="what a text is embedded as, with {text} in its place")] = "{text}"
    frame_prompt: Annotated[
        str,
        Field(description="text beside a frame, with the model's own image token where it needs one; empty for SigLIP"),
    ] = ""
    dtype: Annotated[str, Field(description="numbers of the weights, as vLLM names them")] = "auto"
    max_model_len: Annotated[
        int | None, Field(ge=16, description="tokens of a text and a frame; longer texts are cut; null: the model's")
    ] = None
    gpu_memory_utilization: Annotated[
        float, Field(gt=0, le=1, description="share of a GPU's memory that vLLM takes"), SIZING
    ] = 0.3
    cpu_kv_cache_gib: Annotated[int, Field(ge=1, description="GiB of cache of a vLLM on the CPU"), SIZING] = 1
    cpu_threads: Annotated[int, Field(ge=1, description="threads of a vLLM on the CPU"), SIZING] = 1
    engine_args: Annotated[
        dict[str, Any], Field(description="further arguments of vLLM's EngineArgs, such as {trust_remote_code: true}")
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "{text}" not in self.text_prompt:
            raise ValueError("text_prompt has no {text}, the place of the text that is embedded")

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

        pictures = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in jpegs]
        return self._embedded(
            [{"prompt": self._spec.frame_prompt, "multi_modal_data": {"image": picture}} for picture in pictures]
        )

    def _embedded(self, prompts: list[dict[str, Any]]) -> Vectors:
        if not prompts:
            return np.zeros((0, 0), np.float32)
        try:
            # -1: as many tokens as the model takes
            made = self._model.embed(prompts, use_tqdm=False, tokenization_kwargs={"truncate_prompt_tokens": -1})
        except (ValueError, RuntimeError) as error:
            line = " ".join(str(error).split())[:300]
            raise ItemError("engine", f"{self._spec.model_id} does not embed: {line}") from error
        return unit(np.array([one.outputs.embedding for one in made], np.float32))
