"""Image–text models of the transformers library (such as SigLIP and CLIP), and its text encoders, by path or name."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from operators.core.base import SIZING, ItemError
from operators.core.loading import LOADING
from operators.embedding.embedders.base import EmbedderSpec, Modality, RunningEmbedder
from operators.embedding.vectors import Vectors, unit
from operators.engines.base import EngineRefused
from operators.engines.vllm.installed import weights_identity

_BATCH = 16
INSTALL = "pip install 'longcap[transformers]'"


@dataclass(frozen=True, kw_only=True)
class Transformers(EmbedderSpec):
    """A model of `AutoModel`. With image and text features it embeds both in one space; a text encoder, only texts."""

    version: ClassVar[int] = 1
    modalities: ClassVar[frozenset[Modality]] = frozenset({"frames", "texts"})

    kind: Literal["transformers"] = "transformers"
    model: Annotated[
        str,
        Field(min_length=1, description="folder of a model, or its name on the hub: google/siglip2-base-patch16-224"),
    ]
    revision: Annotated[
        str | None,
        Field(description="revision of a model on the hub, or a label for a folder's weights; null: the newest"),
    ] = None
    prefix: Annotated[str, Field(description='prefix of each text, such as "query: " for E5')] = ""
    pooling: Annotated[
        Literal["mean", "first", "last"], Field(description="pooling of a text encoder over its tokens")
    ] = "mean"
    max_tokens: Annotated[int, Field(ge=1, description="longer texts are truncated, at most to the model's limit")] = (
        512
    )
    dtype: Annotated[Literal["float32", "bfloat16", "float16"], Field(description="dtype of the weights")] = "float32"
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="device"), SIZING] = "auto"
    cpu_threads: Annotated[int, Field(ge=1, description="threads on a CPU"), SIZING] = 1

    @property
    def model_id(self) -> str:
        name = Path(self.model).name if Path(self.model).is_absolute() else self.model
        return f"transformers {name}" + (f"@{self.revision}" if self.revision else "")

    @property
    def gpus(self) -> float:
        return 0.0 if self.device == "cpu" else 1.0

    def identity_extra(self) -> dict[str, Any]:
        return {**super().identity_extra(), **weights_identity(self.model)}

    def check(self, *, elsewhere: bool = False) -> None:
        missing = [p for p in ("torch", "transformers", "PIL") if find_spec(p) is None]
        if missing and not elsewhere:
            raise ValueError(f"embedder transformers needs {', '.join(missing)}; {INSTALL}")
        folder = Path(self.model)
        if folder.is_absolute() and not elsewhere and not (folder / "config.json").is_file():
            raise ValueError(f"embedder transformers: {folder} has no config.json; name the folder of a model")

    @contextmanager
    def open(self) -> Iterator[RunningEmbedder]:
        try:
            self.check()
        except ValueError as error:
            raise EngineRefused(str(error)) from error
        try:
            running = _Running(self)
        except (ValueError, OSError, RuntimeError, ImportError, KeyError) as error:
            line = " ".join(str(error).split())[:300]
            raise EngineRefused(f"embedder transformers: {self.model} does not load: {line}") from error
        yield running


class _Running(RunningEmbedder):
    def __init__(self, spec: Transformers) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        self._spec, self._torch = spec, torch
        cuda = spec.device == "cuda" or (spec.device == "auto" and torch.cuda.is_available())
        self._device = "cuda" if cuda else "cpu"
        if not cuda:
            torch.set_num_threads(spec.cpu_threads)
        hub = None if Path(spec.model).is_absolute() else spec.revision
        with LOADING:
            model = AutoModel.from_pretrained(spec.model, revision=hub, dtype=getattr(torch, spec.dtype))
        self._model: Any = model.to(self._device).eval()
        self._both = hasattr(model, "get_image_features")
        self._images: Any = None
        if self._both:
            from transformers import AutoImageProcessor

            self._images = AutoImageProcessor.from_pretrained(spec.model, revision=hub)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(spec.model, revision=hub)
        text = getattr(model.config, "text_config", model.config)
        longest = getattr(text, "max_position_embeddings", None) or spec.max_tokens
        self._tokens = min(spec.max_tokens, int(longest))
        # SigLIP was trained on texts padded to full length; without the padding its vectors differ
        self._padding = "max_length" if "siglip" in str(model.config.model_type) else True

    def frames(self, jpegs: Sequence[bytes]) -> Vectors:
        from PIL import Image

        if not self._both:
            raise ItemError("engine", f"{self._spec.model_id} embeds only texts; frames need an image–text model")
        made = []
        for at in range(0, len(jpegs), _BATCH):
            images = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in jpegs[at : at + _BATCH]]
            inputs = self._images(images=images, return_tensors="pt")
            pixels = {name: value.to(self._device) for name, value in inputs.items()}
            if "pixel_values" in pixels:
                pixels["pixel_values"] = pixels["pixel_values"].to(self._model.dtype)
            made.append(self._run(lambda values=pixels: self._model.get_image_features(**values)))
        return _joined(made)

    def texts(self, texts: Sequence[str]) -> Vectors:
        made = []
        for at in range(0, len(texts), _BATCH):
            inputs = self._tokenizer(
                [self._spec.prefix + text for text in texts[at : at + _BATCH]],
                padding=self._padding,
                truncation=True,
                max_length=self._tokens,
                return_tensors="pt",
            )
            values = {name: value.to(self._device) for name, value in inputs.items()}
            made.append(self._run(lambda values=values: self._text(values)))
        return _joined(made)

    def _text(self, values: dict[str, Any]) -> Any:
        if self._both:
            known = {k: v for k, v in values.items() if k in ("input_ids", "attention_mask")}
            return self._model.get_text_features(**known)
        hidden = self._model(**values).last_hidden_state
        mask = values["attention_mask"].to(hidden.dtype)[..., None]
        if self._spec.pooling == "mean":
            return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        if self._spec.pooling == "first":
            return hidden[:, 0]
        last = mask[..., 0].long().cumsum(1).argmax(1)  # the last real token, whichever side the padding is on
        return hidden[self._torch.arange(len(hidden), device=hidden.device), last]

    def _run(self, call: Any) -> Vectors:
        try:
            with self._torch.inference_mode():
                found = call()
        except RuntimeError as error:  # for example out of CUDA memory
            raise ItemError("engine", f"{self._spec.model_id}: {' '.join(str(error).split())[:300]}") from error
        found = getattr(found, "pooler_output", found)  # transformers 5 wraps the features
        return unit(found.float().cpu().numpy())


def _joined(made: list[Vectors]) -> Vectors:
    return np.concatenate(made) if made else np.zeros((0, 0), np.float32)
