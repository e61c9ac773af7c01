"""How a config names a recogniser: `recogniser: pocketsphinx`, or `{kind: whisper, model: …}` with its own fields.

A kind is a word of `RECOGNISERS`, or the place of your own spec, `package.module:ClassName`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from typing import Annotated, Any, TypeAlias

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, WithJsonSchema

from operators.audio.recognisers.base import RecogniserSpec

RECOGNISERS: dict[str, str] = {
    "pocketsphinx": "operators.audio.recognisers.pocketsphinx:Pocketsphinx",
    "server": "operators.audio.recognisers.server:Server",
    "whisper": "operators.audio.recognisers.whisper:Whisper",
}
"""kind -> "module:Class"."""


def parse_recogniser(value: object) -> RecogniserSpec | None:
    """A recogniser from its config; None for null.

    Raises:
        ValueError: in one line, for an unknown kind or field; pydantic's `ValidationError` for a wrong value.
    """
    if value is None or isinstance(value, RecogniserSpec):
        return value
    if isinstance(value, str):
        value = {"kind": value}
    known = ", ".join(sorted(RECOGNISERS))
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        raise ValueError(f"{value!r} is no recogniser; write a kind ({known}) or a mapping with one")
    options = {str(key): item for key, item in value.items()}
    cls = _spec_class(options.pop("kind"))
    own = [f.name for f in fields(cls) if f.init and f.name != "kind"]
    for key in options:
        if key not in own:
            raise ValueError(f"{key} is not a known key of this recogniser{_nearest(key, own)} Known: {', '.join(own)}")
    return _adapter(cls).validate_python(options)


def recogniser_config(spec: RecogniserSpec | None) -> Any:
    """What `parse_recogniser` turns into an equal spec."""
    if not isinstance(spec, RecogniserSpec):
        return spec
    cls = type(spec)
    place = f"{cls.__module__}:{cls.__qualname__}"
    kind = next((k for k, known in RECOGNISERS.items() if known == place), place)
    return {**_adapter(cls).dump_python(spec, mode="json"), "kind": kind}


def _spec_class(kind: str) -> type[RecogniserSpec]:
    module_name, colon, class_name = RECOGNISERS.get(kind, kind).partition(":")
    if not (colon and module_name and class_name):
        raise ValueError(
            f"{kind!r} is no recogniser{_nearest(kind, RECOGNISERS)} Allowed are {', '.join(sorted(RECOGNISERS))}, or "
            "package.module:ClassName of your own"
        )
    try:
        found = getattr(import_module(module_name), class_name, None)
    except ImportError as error:
        raise ValueError(f"recogniser {kind!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, RecogniserSpec) and is_dataclass(found)):
        raise ValueError(f"recogniser {kind!r} is not a dataclass derived from RecogniserSpec")
    return found


@lru_cache(maxsize=16)
def _adapter(cls: type[RecogniserSpec]) -> TypeAdapter[RecogniserSpec]:
    return TypeAdapter(cls)


def _nearest(word: str, known: Any) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else "."


AnyRecogniser: TypeAlias = Annotated[
    RecogniserSpec | None,
    PlainValidator(parse_recogniser),
    PlainSerializer(recogniser_config),
    WithJsonSchema(
        {
            "description": "a recogniser: its kind, or a mapping of its kind and its own fields; null: none",
            "anyOf": [
                {"type": "null"},
                {"type": "string", "examples": sorted(RECOGNISERS)},
                {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]},
            ],
        }
    ),
]
"""The type of the operator `listen`'s field `recogniser`."""
