"""Options of the engine `transformers`, and properties derived from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.core.base import SIZING, Was
from operators.engines import drawing
from operators.engines.base import EngineSpec, Request
from operators.engines.vllm import installed


@dataclass(frozen=True, kw_only=True)
class TransformersOptions(EngineSpec):
    """The fields of the engine `transformers`, and properties derived from them."""

    version: ClassVar[int] = 2  # 2: answers follow a schema
    local_model: ClassVar[bool] = True

    kind: Literal["transformers"] = "transformers"
    model: Annotated[str, Field(min_length=1, description="folder with a checkpoint, or name of a model on a hub")]
    hub_revision: Annotated[
        str | None, Field(description="branch, tag or commit of a model on a hub, and of its code; use a commit")
    ] = None
    trust_remote_code: Annotated[bool, Field(description="run Python code of the checkpoint; read that code first")] = (
        False
    )
    adapter: Annotated[
        str | None,
        Field(
            description="your own package.module:function, which loads a model that transformers does not support "
            "(docs/transformers.md); null: the checkpoint's processor and generate()"
        ),
    ] = None
    dtype: Annotated[
        Literal["auto", "bfloat16", "float16", "float32"],
        Field(description="number type of the weights; auto: that of the checkpoint"),
    ] = "auto"
    max_model_len: Annotated[
        int | None,
        Field(ge=256, description="context size in tokens; null: that of the model's config"),
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
        Literal["auto", "images", "video"],
        Field(
            description="how the frames of a window are sent: video, with their times; images, each after its time; "
            "auto: video if the model's processor accepts videos"
        ),
        Was("pictures_as"),
    ] = "auto"
    max_frames: Annotated[int, Field(ge=1, description="maximum number of images in a prompt"), Was("max_pictures")] = (
        16
    )
    system: Annotated[str | None, Field(description="system message before every prompt; null: none")] = None
    chat_template_kwargs: Annotated[Mapping[str, Any], Field(description="options of the model's chat template")] = (
        field(default_factory=dict)
    )
    processor_kwargs: Annotated[
        Mapping[str, Any], Field(description="options of the model's processor, such as max_pixels")
    ] = field(default_factory=dict)
    model_args: Annotated[
        Mapping[str, Any],
        Field(description="further arguments of from_pretrained, such as attn_implementation: flash_attention_2"),
    ] = field(default_factory=dict)
    gpu_count: Annotated[
        int,
        Field(ge=1, description="number of GPUs over which the layers are distributed; more than 1 needs accelerate"),
        SIZING,
    ] = 1
    cpu_threads: Annotated[int, Field(ge=1, description="number of threads without a GPU"), SIZING] = 1

    @property
    def model_id(self) -> str:
        return self.model

    @property
    def revision(self) -> str:
        """The hub's revision, or a fingerprint of a folder's config and the sizes of its weights."""
        return self.hub_revision or installed.folder_revision(self.model) or "main"

    @property
    def gpus(self) -> int:
        return self.gpu_count

    def identity_extra(self) -> dict[str, Any]:
        """A fingerprint of a folder's weights: a folder with other weights is another model."""
        return {**super().identity_extra(), "revision": self.revision}

    def sampling(self, attempt: int) -> dict[str, float]:
        """See `operators.engines.drawing.sampling`."""
        return drawing.sampling(self, attempt)

    def answer_tokens(self, request: Request) -> int:
        """Token limit of the answer to `request`."""
        return drawing.answer_tokens(self.max_tokens, request)

    def load_adapter(self) -> Any:
        """Import the function that `adapter` names.

        Raises:
            ValueError: there is no such module or function; one line.
        """
        module, colon, name = (self.adapter or "").partition(":")
        if not (module and colon and name):
            raise ValueError(f"engine transformers: adapter is {self.adapter!r}; write package.module:function")
        try:
            found = getattr(import_module(module), name, None)
        except ImportError as error:
            raise ValueError(f"engine transformers: adapter {self.adapter} cannot be imported: {error}") from error
        if not callable(found):
            raise ValueError(f"engine transformers: adapter {self.adapter} is no function: {module} has no {name}")
        return found
