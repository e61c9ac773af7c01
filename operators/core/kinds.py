"""How a config names one of several models that do the same work: a kind, or a mapping of `kind` and its own fields.

A kind is a word of a table, or the place of your own spec, `package.module:ClassName`. A spec is a frozen dataclass;
its module is imported when it is named, so that a config can be read where its packages are not installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from typing import Any, Generic, TypeVar

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, WithJsonSchema

Spec = TypeVar("Spec")


class Kinds(Generic[Spec]):
    """The kinds of one sort of spec.

    Args:
        word: what a spec of it is called in messages, such as "embedder".
        base: the class that all of them are derived from.
        places: kind -> "module:Class".
    """

    def __init__(self, word: str, base: type[Spec], places: Mapping[str, str]) -> None:
        self.word, self.base, self.places = word, base, dict(places)

    def parse(self, value: object) -> Spec | None:
        """A spec from its config; None for null, and a spec passes through.

        Raises:
            ValueError: in one line, for an unknown kind or field; pydantic's `ValidationError` for a wrong value.
        """
        if value is None or isinstance(value, self.base):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        known = ", ".join(sorted(self.places))
        if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
            raise ValueError(f"{value!r} is no {self.word}; write a kind ({known}) or a mapping with one")
        options = {str(key): item for key, item in value.items()}
        kind = options.pop("kind")
        cls = self._class(kind)
        own = [f.name for f in fields(cls) if f.init and f.name != "kind"]
        for key in options:
            if key not in own:
                raise ValueError(
                    f"{key} is not a known key of {self.word} {kind}{_nearest(key, own)} "
                    f"Known: {', '.join(own) or 'none'}"
                )
        found: Spec = _adapter(cls).validate_python(options)
        return found

    def config(self, spec: Spec | None) -> Any:
        """What `parse` turns into an equal spec."""
        if not isinstance(spec, self.base):
            return spec
        cls: Any = type(spec)
        place = f"{cls.__module__}:{cls.__qualname__}"
        kind = next((k for k, known in self.places.items() if known == place), place)
        return {**_adapter(cls).dump_python(spec, mode="json"), "kind": kind}

    def annotations(self) -> tuple[Any, Any, Any]:
        """What makes a field of this sort read and write itself: for `Annotated[Base | None, *kinds.annotations()]`."""
        schema = {
            "description": f"{self.word}: its kind, or a mapping of its kind and its own fields; null: none",
            "anyOf": [
                {"type": "null"},
                {"type": "string", "examples": sorted(self.places)},
                {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]},
            ],
        }
        return PlainValidator(self.parse), PlainSerializer(self.config), WithJsonSchema(schema)

    def _class(self, kind: str) -> Any:
        module_name, colon, class_name = self.places.get(kind, kind).partition(":")
        if not (colon and module_name and class_name):
            known = ", ".join(sorted(self.places))
            raise ValueError(
                f"{kind!r} is no {self.word}{_nearest(kind, self.places)} Allowed are {known}, or "
                "package.module:ClassName of your own"
            )
        try:
            found = getattr(import_module(module_name), class_name, None)
        except ImportError as error:
            raise ValueError(f"{self.word} {kind!r} cannot be imported: {error}") from error
        if not (isinstance(found, type) and issubclass(found, self.base) and is_dataclass(found)):
            raise ValueError(f"{self.word} {kind!r} is not a dataclass derived from {self.base.__name__}")
        return found


@lru_cache(maxsize=32)
def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def _nearest(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else "."
