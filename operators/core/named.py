"""Registries that find and build the classes a config names: operators, engines, recognisers, embedders, exports.

A name is a built-in name, the name of an entry point of an installed distribution, or the path of a class,
`package.module:ClassName`. A class is imported only when a config names it, so that a machine without its packages can
read all other configs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from importlib import import_module
from inspect import isabstract
from math import isfinite
from typing import Any, Generic, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError, WithJsonSchema

from operators.core.base import Was, marks_of
from operators.core.entry_points import offers
from operators.core.text import nearest

T = TypeVar("T")
_DECLARED = {str: "a text", int: "an integer", frozenset: "a frozenset of names of columns"}


@dataclass(frozen=True, kw_only=True)
class Registry(Generic[T]):
    """A registry of dataclasses with a common base. Their fields are their options.

    Attributes:
        noun: the word for one of them in messages, such as "engine".
        base: the common base class.
        ours: name -> "module:Class" of the classes that ship with Longcap; entry points cannot replace them.
        group: the group of entry points, from `operators.core.entry_points`.
        declared: class variables that a class must set -> their type; `frozenset` for names of columns.
    """

    noun: str
    base: type[T]
    ours: Mapping[str, str]
    group: str
    declared: Mapping[str, type] = field(default_factory=dict)

    def names(self) -> dict[str, str]:
        """Name -> "module:Class" of all registered classes.

        Raises:
            ValueError: two installed distributions offer the same name.
        """
        return {**{name: offer.place for name, offer in offers(self.group).items()}, **self.ours}

    def find(self, name: str) -> type[T]:
        """The class that `name` stands for.

        Raises:
            ValueError: no such name, module or class, or the class does not derive from `base`; one line.
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
        self._check(name, found)
        return cast("type[T]", found)

    def _check(self, name: str, found: Any) -> None:
        """Check that a class is complete, as type checkers of its author may not have done."""
        if isabstract(found):
            lacking = ", ".join(f"{method}()" for method in sorted(found.__abstractmethods__))
            raise ValueError(f"{self.noun} {name!r} is incomplete: it does not define {lacking}")
        for variable, kind in self.declared.items():
            if not hasattr(found, variable):
                raise ValueError(f"{self.noun} {name!r} is incomplete: it does not set the class variable {variable}")
            value, words = getattr(found, variable), _DECLARED[kind]
            fits = isinstance(value, kind) and not isinstance(value, bool) and value != ""
            if not fits or (kind is frozenset and not all(isinstance(item, str) for item in value)):
                raise ValueError(
                    f"{self.noun} {name!r}: its class variable {variable} is {value!r:.80}; it must be {words}"
                )

    def build(self, name: str, options: Mapping[str, Any], base: T | None = None) -> T:
        """Build an instance from its name and options, given as plain values.

        Args:
            base: an existing instance whose fields `options` override.

        Raises:
            ValueError: an unknown name or option; one line.
            ValidationError: pydantic's `ValueError`, which names the option with a wrong value.
        """
        cls: Any = type(base) if base is not None else self.find(name)
        known = options_of(cls)
        options = renamed(cls, options)
        hints = _hints(cls)
        for key in options:
            if key not in known:
                raise ValueError(
                    f"{key} is not a known key of {self.noun} {name}{nearest(str(key), known)} "
                    f"Known here: {', '.join(known) or 'none'}"
                )
            if bent(options[key], hints[key]):
                raise ValueError(
                    f"{self.noun} {name}: {key} is {str(options[key]).lower():.80}; it takes neither true or false "
                    "nor an infinite number"
                )
        if base is not None and not options:
            return base
        below = {key: getattr(base, key) for key in known if key not in options} if base is not None else {}
        built: T = _adapter(cls).validate_python({**below, **options})
        return built

    def make(self, name: str, options: Mapping[str, Any], base: T | None = None) -> T:
        """Build an instance like `build`, but raise a one-line `ValueError` for wrong values as well."""
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
        """Build an instance from a config value: its kind, or a mapping of `kind` and options.

        An instance is returned as it is.

        Raises:
            ValueError: as in `build`, and for a mapping without a kind.
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
        """The mapping that `parse` turns into an equal instance: `kind`, then every field.

        A value of another type is returned as it is, and `parse` rejects it: dataclasses built in Python do not
        validate their fields.
        """
        if not isinstance(spec, self.base):
            return spec
        cls: Any = type(spec)
        kind = {"kind": self.kind(cls)}
        return kind | _adapter(cls).dump_python(spec, mode="json") | kind

    def kind(self, cls: type[T]) -> str:
        """The name of `cls`, or its path if it has no name."""
        for name, place in self.names().items():
            if place.endswith(f":{cls.__qualname__}") and self.find(name) is cls:
                return name
        return f"{cls.__module__}:{cls.__qualname__}"

    def annotations(self, *, optional: bool = False) -> tuple[PlainValidator, PlainSerializer, WithJsonSchema]:
        """Annotations by which a dataclass field accepts what `parse` accepts: `Annotated[EngineSpec, *annotations()]`.

        Args:
            optional: whether null is accepted, as None.
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


def bent(value: Any, hint: Any) -> bool:
    """Whether pydantic would accept a value that no number may have: infinity, or true for 1; also within lists."""
    if isinstance(value, list | tuple):
        return any(bent(item, hint) for item in value)
    return (isinstance(value, float) and not isfinite(value)) or (isinstance(value, bool) and not _takes_bool(hint))


def _takes_bool(hint: Any) -> bool:
    return hint in (bool, Any, object) or any(
        _takes_bool(part) for part in get_args(hint) if get_origin(hint) is not Literal
    )


def options_of(cls: type) -> list[str]:
    """The names of the fields of a dataclass that its constructor accepts."""
    return [f.name for f in fields(cls) if f.init]


def renamed(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a dataclass with earlier names replaced by current ones; see `operators.core.base.Was`.

    Raises:
        ValueError: an option is given under both names.
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
    """Earlier name -> current name, for the renamed fields of a dataclass."""
    return {mark.name: f for f, marks in marks_of(cls).items() for mark in marks if isinstance(mark, Was)}


@lru_cache(maxsize=256)
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


@lru_cache(maxsize=256)
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(cls)
