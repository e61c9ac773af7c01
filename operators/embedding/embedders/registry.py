"""Names of embedders in a config: `embedder: minilm`, or `{kind: transformers, model: …}` with fields.

A kind is a key of `EMBEDDERS`, the name of an entry point in the group `longcap.embedders` of an installed
distribution, or the import path of a spec, `package.module:ClassName`.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from operators.core import entry_points
from operators.core.named import Registry
from operators.embedding.embedders.base import EmbedderSpec

_HERE = "operators.embedding.embedders"
EMBEDDERS: dict[str, str] = {
    "efficientnet": f"{_HERE}.efficientnet:EfficientNet",
    "minilm": f"{_HERE}.minilm:MiniLM",
    "server": f"{_HERE}.server:Server",
    "transformers": f"{_HERE}.transformers:Transformers",
    "vllm": f"{_HERE}.vllm:Vllm",
}
"""kind -> "module:Class" of the specs that ship with Longcap."""

REGISTRY: Registry[EmbedderSpec] = Registry(
    noun="embedder",
    base=EmbedderSpec,  # type: ignore[type-abstract]  # it is asked for subclasses only
    ours=EMBEDDERS,
    group=entry_points.EMBEDDERS,
)

AnyEmbedder: TypeAlias = Annotated[EmbedderSpec | None, *REGISTRY.annotations(optional=True)]
"""The type of a field `embedder`."""
