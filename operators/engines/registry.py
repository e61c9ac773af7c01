"""The registry of engines.

A config names an engine by its kind, `engine: measure`, or by a mapping with its fields, `engine: {kind: measure,
...}`. A kind is a key of `ENGINES`, the name of an entry point in the group `longcap.engines` of an installed
distribution, or the path of a spec class, `package.module:ClassName`.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Annotated, TypeAlias

from operators.core import entry_points
from operators.core.named import Registry
from operators.engines.base import EngineSpec

ENGINES: dict[str, str] = {
    "measure": "operators.engines.template:MeasureEngine",
    "openai": "operators.engines.openai:OpenAIEngine",
    "transformers": "operators.engines.transformers:TransformersEngine",
    "vllm": "operators.engines.vllm:VllmEngine",
}
"""Kind -> "module:Class" of the specs that ship with Longcap. Entry points cannot replace them."""

REGISTRY: Registry[EngineSpec] = Registry(
    noun="engine",
    base=EngineSpec,  # type: ignore[type-abstract]  # it is asked for subclasses only
    ours=ENGINES,
    group=entry_points.ENGINES,
)

spec_class, parse_engine, engine_config, engine_kind = REGISTRY.find, REGISTRY.parse, REGISTRY.config, REGISTRY.kind

AnyEngine: TypeAlias = Annotated[EngineSpec, *REGISTRY.annotations()]
"""The type of an operator's `engine` field."""


def engines_of(operator: object) -> list[EngineSpec]:
    """All engines in the fields of an operator."""
    if not is_dataclass(operator) or isinstance(operator, type):
        return []
    found: list[EngineSpec] = []
    for part in fields(operator):
        value = getattr(operator, part.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, EngineSpec) and one not in found:
                found.append(one)
    return found
