"""How a config names an engine: `engine: measure`, or `engine: {kind: measure, ...}` with the engine's own fields.

A kind is a word of `ENGINES`, a name that an installed distribution offers as an entry point of the group
`longcap.engines`, or the place of your own spec, `package.module:ClassName`. Engines are imported when they are named,
so that a machine without vLLM can read every config that does not ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from typing import Annotated, Any, TypeAlias

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, WithJsonSchema

from operators.core.entry_points import ENGINES as GROUP
from operators.core.entry_points import offers
from operators.engines.base import EngineSpec

ENGINES: dict[str, str] = {
    "measure": "operators.engines.template:MeasureEngine",
    "openai": "operators.engines.openai:OpenAIEngine",
    "transformers": "operators.engines.transformers:TransformersEngine",
    "vllm": "operators.engines.vllm:VllmEngine",
}
"""kind -> "module:Class" of the spec, of the engines that ship with Longcap; an entry point cannot replace them."""


def kinds() -> dict[str, str]:
    """kind -> "module:Class", of all engines that have a name here.

    Raises:
        ValueError: two installed distributions offer the same kind.
    """
    return {**{name: offer.place for name, offer in offers(GROUP).items()}, **ENGINES}


def spec_class(kind: str) -> type[EngineSpec]:
    """The spec class that `kind` names.

    Raises:
        ValueError: in one line, when there is no such kind, module or class, or the class is no engine spec.
    """
    named = kinds()
    place = named.get(kind, kind)
    module_name, colon, class_name = place.partition(":")
    if not (colon and module_name and class_name):
        known = ", ".join(sorted(named))
        hint = _nearest(kind, named)
        raise ValueError(f"{kind!r} is no engine{hint} Allowed are {known}, or package.module:ClassName of your own")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise ValueError(f"engine {kind!r} cannot be imported: {error}") from error
    found = getattr(module, class_name, None)
    if found is None:
        hint = _nearest(class_name, vars(module))
        raise ValueError(f"engine {kind!r}: module {module_name} has no {class_name}{hint}")
    if not (isinstance(found, type) and issubclass(found, EngineSpec) and is_dataclass(found)):
        raise ValueError(f"engine {kind!r} is not a dataclass derived from operators.engines.base.EngineSpec")
    return found


def parse_engine(value: object) -> EngineSpec:
    """An engine spec from its config: a kind, or a mapping of `kind` and that engine's fields; a spec passes through.

    Raises:
        ValueError: in one line, for an unknown kind or field; pydantic's `ValidationError` (a `ValueError`) for a
            wrong value of a field.
    """
    if isinstance(value, EngineSpec):
        return value
    if isinstance(value, str):
        value = {"kind": value}
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is no engine; write a kind ({', '.join(sorted(kinds()))}) or a mapping with one")
    options = {str(key): item for key, item in value.items()}
    kind = options.pop("kind", None)
    if not isinstance(kind, str):
        raise ValueError(f"kind is missing; name the engine with one of {', '.join(sorted(kinds()))}")
    cls = spec_class(kind)
    known = [f.name for f in fields(cls) if f.init]
    for key in options:
        if key not in known:
            listed = ", ".join(known) or "none"
            raise ValueError(f"{key} is not a known key of engine {kind}{_nearest(key, known)} Known here: {listed}")
    return _adapter(cls).validate_python(options)


def engine_config(spec: EngineSpec) -> Any:
    """The mapping that `parse_engine` turns into an equal spec: `kind`, then every field.

    What is no spec is handed back, for `parse_engine` to take or to refuse: dataclasses built in Python check nothing.
    """
    if not isinstance(spec, EngineSpec):
        return spec
    dumped: dict[str, Any] = _adapter(type(spec)).dump_python(spec, mode="json")
    kind = {"kind": engine_kind(type(spec))}
    return kind | dumped | kind


def engine_kind(cls: type[EngineSpec]) -> str:
    """The kind that names `cls` in a config."""
    for kind, place in kinds().items():
        if place.endswith(f":{cls.__qualname__}") and spec_class(kind) is cls:
            return kind
    return f"{cls.__module__}:{cls.__qualname__}"


@lru_cache(maxsize=64)
def _adapter(cls: type[EngineSpec]) -> TypeAdapter[EngineSpec]:
    return TypeAdapter(cls)


def _nearest(word: str, known: Any) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else "."


AnyEngine: TypeAlias = Annotated[
    EngineSpec,
    PlainValidator(parse_engine),
    PlainSerializer(engine_config),
    WithJsonSchema(
        {
            "description": "an engine: its kind, or a mapping of its kind and its own fields",
            "anyOf": [
                {"type": "string", "examples": sorted(ENGINES)},
                {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]},
            ],
        }
    ),
]
"""The type of an operator's `engine` field."""
