"""How a config names an embedder: `embedder: minilm`, or `{kind: transformers, model: …}` with its own fields."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from operators.core.kinds import Kinds
from operators.embedding.embedders.base import EmbedderSpec

_HERE = "operators.embedding.embedders"
EMBEDDERS: Kinds[EmbedderSpec] = Kinds(
    "embedder",
    EmbedderSpec,  # type: ignore[type-abstract]  # its subclasses are parsed, never itself
    {
        "efficientnet": f"{_HERE}.efficientnet:EfficientNet",
        "minilm": f"{_HERE}.minilm:MiniLM",
        "server": f"{_HERE}.server:Server",
        "transformers": f"{_HERE}.transformers:Transformers",
        "vllm": f"{_HERE}.vllm:Vllm",
    },
)

AnyEmbedder: TypeAlias = Annotated[EmbedderSpec | None, *EMBEDDERS.annotations()]
"""The type of a field `embedder`."""
