"""Finds classes that a config names, and builds them: operators, engines, recognisers, embedders, exports.

A name is a word of ours, a name that an installed distribution offers as an entry point, or the place of a class,
`package.module:ClassName`. A class is imported when it is named, so that a machine without its packages can read every
config that does not ask for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, Generic, TypeVar, cast, get_type_hints

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError, WithJsonSchema

from operators.core.base import Was
from operators.core.entry_points import offers
from operators.core.text import nearest

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Registry(Generic[T]):
    """The classes of one sort. All of them are dataclasses; their fields are their options.

    Attributes:
        noun: what one of them is called in a message, such as "engine".
        base: the class from which all of them derive.
        ours: name -> "module:Class" of those that ship with Longcap; an entry point cannot replace them.
        group: of entry points, from `operators.core.entry_points`.
    """

    noun: str
    base: type[T]
    ours: Mapping[str, str]
    group: str

    def names(self) -> dict[str, str]:
        """name -> "module:Class", of all that have a name here.

        Raises:
            ValueError: two installed distributions offer the same name.
        """
        return {**{name: offer.place for name, offer in offers(self.group).items()}, **self.ours}

    def find(self, name: str) -> type[T]:
        """The class that `name` stands for.

        Raises:
            ValueError: in one line, when there is no such name, module or class, or the class is of another sort.
        """
        named = self.names()
        module_name, colon, class_name = named.get(name, name).partition(":")
        if not (colon and module_name and class_name):
            raise ValueError(f"{name!r} is no {self.noun}{nearest(name, named)} Known: {self._known(named)}")
        try:
            module = import_module(module_name)
        except ImportError as error:
            raise ValueError(f"{self.noun} {name!r} cannot be imported: {error}") from error
        found = getattr(module, class_name, None)
        if found is None:
            hint = nearest(class_name, vars(module)).rstrip(".")
            raise ValueError(f"{self.noun} {name!r}: module {module_name} has no {class_name}{hint}")
        if not (isinstance(found, type) and issubclass(found, self.base) and is_dataclass(found)):
            base = f"{self.base.__module__}.{self.base.__qualname__}"
            raise ValueError(f"{self.noun} {name!r} is not a dataclass derived from {base}")
        return cast("type[T]", found)

    def build(self, name: str, options: Mapping[str, Any], base: T | None = None) -> T:
        """One of them from its options, as plain values.

        Args:
            base: what stands already under this name; `options` go over its fields.

        Raises:
            ValueError: in one line, for an unknown name or option.
            ValidationError: a `ValueError` of pydantic's that says where a wrong value stands.
        """
        cls: Any = type(base) if base is not None else self.find(name)
        known = options_of(cls)
        options = renamed(cls, options)
        for key in options:
            if key not in known:
                raise ValueError(
                    f"{key} is not a known key of {self.noun} {name}{nearest(str(key), known)} "
                    f"Known here: {', '.join(known) or 'none'}"
                )
        if base is not None and not options:
            return base
        below = {key: getattr(base, key) for key in known if key not in options} if base is not None else {}
        built: T = _adapter(cls).validate_python({**below, **options})
        return built

    def make(self, name: str, options: Mapping[str, Any], base: T | None = None) -> T:
        """As `build`, with one line for a wrong value too: a `ValueError` that is not pydantic's."""
        try:
            return self.build(name, options, base)
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in detail["loc"])
            says = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else detail["msg"]
            raise ValueError(
                f"{self.noun} {name}: {f'{where}: ' if where else ''}{says}, and {detail['input']!r:.80} was given"
            ) from error

    def parse(self, value: object) -> T:
        """One of them from a config: its kind, or a mapping of `kind` and its options; an instance passes through.

        Raises:
            ValueError: as `build` does, and for a mapping without a kind.
        """
        if isinstance(value, self.base):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping):
            known = self._known(self.names())
            raise ValueError(f"{value!r:.80} is no {self.noun}; write a kind ({known}) or a mapping with one")
        options = {str(key): item for key, item in value.items()}
        kind = options.pop("kind", None)
        if not isinstance(kind, str):
            raise ValueError(f"kind is missing; name the {self.noun} with one of {self._known(self.names())}")
        return self.build(kind, options)

    def config(self, spec: T) -> Any:
        """The mapping that `parse` turns into an equal one: `kind`, then every field.

        What is of another sort is returned as it is, for `parse` to refuse: dataclasses built in Python check nothing.
        """
        if not isinstance(spec, self.base):
            return spec
        cls: Any = type(spec)
        kind = {"kind": self.kind(cls)}
        return kind | _adapter(cls).dump_python(spec, mode="json") | kind

    def kind(self, cls: type[T]) -> str:
        """The name of `cls`, or its place where it has none."""
        for name, place in self.names().items():
            if place.endswith(f":{cls.__qualname__}") and self.find(name) is cls:
                return name
        return f"{cls.__module__}:{cls.__qualname__}"

    def annotations(self, *, optional: bool = False) -> tuple[PlainValidator, PlainSerializer, WithJsonSchema]:
        """What makes a field of a dataclass take what `parse` takes: for `Annotated[EngineSpec, *annotations()]`.

        Args:
            optional: null is taken as None.
        """

        def parse(value: object) -> T | None:
            return None if optional and value is None else self.parse(value)

        words = f"{self.noun}: its kind, or a mapping of its kind and its own fields"
        null: list[dict[str, Any]] = [{"type": "null"}] if optional else []
        schema = {
            "description": f"{words}; null: none" if optional else words,
            "anyOf": [
                *null,
                {"type": "string", "examples": sorted(self.ours)},
                {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]},
            ],
        }
        return PlainValidator(parse), PlainSerializer(self.config), WithJsonSchema(schema)

    def _known(self, names: Collection[str]) -> str:
        return f"{', '.join(sorted(names))}, or package.module:ClassName of your own"


def options_of(cls: type) -> list[str]:
    """The names of a dataclass's fields that can be given."""
    return [f.name for f in fields(cls) if f.init]


def renamed(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a dataclass under the names that its fields have now; see `operators.core.base.Was`.

    Raises:
        ValueError: one is given under both names.
    """
    found = dict(values)
    for old, name in _earlier(cls).items():
        if old not in found:
            continue
        if name in found:
            raise ValueError(f"{old} is the earlier name of {name}, and both are given: leave {old} out")
        found[name] = found.pop(old)
    return found


@lru_cache(maxsize=256)
def _earlier(cls: Any) -> dict[str, str]:
    """Earlier name -> name, of the fields of a dataclass that had one."""
    marks = {f: getattr(hint, "__metadata__", ()) for f, hint in get_type_hints(cls, include_extras=True).items()}
    return {mark.name: f for f, some in marks.items() for mark in some if isinstance(mark, Was)}


@lru_cache(maxsize=256)
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(cls)
