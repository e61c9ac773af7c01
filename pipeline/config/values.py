"""Configs as plain values: validated, with one plain line for each mistake, and written out again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from functools import cache
from math import isfinite
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

import yaml
from pydantic import TypeAdapter, ValidationError

from operators.core.addresses import HIDDEN, redacted_value
from operators.core.named import renamed
from operators.core.text import nearest
from operators.engines.registry import spec_class
from pipeline.config.check import check
from pipeline.config.docs import allowed, hints_of
from pipeline.config.grid import KEYS, agreed, moved, with_grid
from pipeline.config.types import Config
from pipeline.terminal.errors import UsageError

_SHOWN = 80  # characters of a value that a message shows
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")  # as engines ask for it

KeyPath: TypeAlias = tuple[str, ...]


def checked(config: Config) -> Config:
    """A config that was put together in Python, validated and checked as a file is.

    Raises:
        UsageError: as `load_config`.
    """
    config = config_from_dict(config_to_dict(agreed(config)))
    check(config)
    return config


def config_from_dict(values: Mapping[str, Any], *, places: Mapping[KeyPath, str] | None = None) -> Config:
    """The config of plain values, validated but not checked as a whole; `places` says where each key was read."""
    problems: list[str] = []
    values = moved(values)
    cleaned = _clean(Config, values, (), places or {}, problems)
    if not problems:
        try:
            return with_grid(_adapter().validate_python(cleaned))
        except ValidationError as error:
            problems = _plain(error, cleaned, places or {})
    raise UsageError("\n".join(problems))


def config_to_dict(config: Config) -> dict[str, Any]:
    """Plain values that `config_from_dict` turns into an equal config: every field, in the order of the types."""
    dumped: dict[str, Any] = _adapter().dump_python(config, mode="json", warnings=False)
    dumped["caption"] = {key: value for key, value in dumped["caption"].items() if key not in KEYS}
    return dumped


def dump_config(config: Config) -> str:
    """YAML that loads back to an equal config, unless secrets stand in it: those are left out."""
    # not allow_unicode: PyYAML writes some characters, such as U+0085, so that it reads others back
    return yaml.safe_dump(_without_keys(redacted_value(config_to_dict(config))), sort_keys=False, width=120)


def _without_keys(value: Any) -> Any:
    """A key that stands by mistake where the name of its variable belongs, hidden."""
    if not isinstance(value, dict):
        return value
    return {
        name: HIDDEN
        if name.endswith("key_env") and isinstance(item, str) and not _VARIABLE.fullmatch(item)
        else _without_keys(item)
        for name, item in value.items()
    }


# -- validation --------------------------------------------------------------------------------------------------------


@cache
def _adapter() -> TypeAdapter[Config]:
    return TypeAdapter(Config)


def _clean(cls: type, values: Any, path: KeyPath, places: Mapping[KeyPath, str], problems: list[str]) -> Any:
    """`values` for pydantic, sections left blank as {}; unknown keys and what pydantic would bend go to `problems`."""
    hints = hints_of(cls)
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        problems.append(
            f"{'.'.join(path)} is {shown(values)}{_at(path, places)}; it must be a mapping with {', '.join(hints)}"
        )
        return {}
    try:
        values = renamed(cls, values)
    except ValueError as error:
        problems.append(f"{'.'.join(path)}: {error}")
        return {}
    cleaned = {}
    for key, value in values.items():
        here = (*path, str(key))
        if key not in hints:
            hint = _elsewhere(here) or nearest(str(key), hints)
            problems.append(
                f"{'.'.join(here)} is not a known key{_at(here, places)}{hint} Known here: {', '.join(hints)}"
            )
        elif is_dataclass(hints[key]):
            cleaned[key] = _clean(hints[key], value, here, places, problems)
        elif _bent(value, hints[key]):
            problems.append(_wrong(here, value, allowed(hints[key]), places))
        else:
            cleaned[key] = value
    return cleaned


def _elsewhere(path: KeyPath) -> str:
    """The tail of an error about a key that has its name, or nearly, in another section; "" where none has."""
    known: dict[str, list[str]] = {}
    for full in _paths(Config):
        known.setdefault(full[-1], []).append(".".join(full))
    name = path[-1]
    own = [key for key in hints_of(Config) if key not in known]
    if name not in known:
        close = [] if len(path) > 1 or nearest(name, own) != "." else get_close_matches(name, known, n=1, cutoff=0.8)
        name = close[0] if close else ""
    return f"; did you mean {' or '.join(known[name][:3])}?" if name else ""


def _paths(cls: type, above: KeyPath = ()) -> Iterator[KeyPath]:
    """The keys below a section that hold values; what an engine takes is known once it is named."""
    for key, hint in hints_of(cls).items():
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _paths(hint, (*above, key))
        elif above:
            yield (*above, key)


def _bent(value: Any, hint: Any) -> bool:
    """Whether pydantic would take what no number may be: infinity, or true for 1."""
    return (isinstance(value, float) and not isfinite(value)) or (isinstance(value, bool) and not _takes_bool(hint))


def _takes_bool(hint: Any) -> bool:
    return hint in (bool, Any) or any(_takes_bool(part) for part in get_args(hint) if get_origin(hint) is not Literal)


def _plain(error: ValidationError, values: Any, places: Mapping[KeyPath, str]) -> list[str]:
    """One line for each field with a wrong value, in place of pydantic's several for each."""
    lines: dict[KeyPath, str] = {}
    for detail in error.errors(include_url=False):
        path, given, hint = _locate(detail["loc"], values)
        if path in lines:
            continue
        if detail["type"] == "missing" and path[-2:-1] == ("engine",):
            lines[path] = _missing(path, given, places)
        elif detail["type"] == "value_error":  # our own words
            lines[path] = f"{'.'.join(path)}{_at(path, places)}: {detail['ctx']['error']}"
        else:
            lines[path] = _wrong(path, given, allowed(hint), places)
    order = list(places)  # as they stand in the file
    return [lines[path] for path in sorted(lines, key=lambda p: order.index(p) if p in order else -1)]


def _locate(loc: tuple[int | str, ...], values: Any) -> tuple[KeyPath, Any, Any]:
    """The field that pydantic's `loc` points at or into (lists, unions), what was given there, its annotation."""
    hint: Any = Config
    path: KeyPath = ()
    for step in loc:
        section = hint
        if get_origin(section) is Annotated:
            section = get_args(section)[0]
        if get_origin(section) is dict and isinstance(values, Mapping):
            if step not in values:
                break
            if "[key]" in loc:
                return (*path, str(step)), step, str
            path, hint, values = (*path, str(step)), get_args(section)[1], values[step]
            continue
        if path[-1:] == ("engine",):
            section = spec_class(values if isinstance(values, str) else values["kind"])
        if not (isinstance(section, type) and is_dataclass(section)) or step not in hints_of(section):
            break
        path, hint = (*path, str(step)), hints_of(section)[str(step)]
        values = values.get(step, values) if isinstance(values, Mapping) else values  # of what is missing: its section
    return path, values, hint


def _missing(path: KeyPath, given: Any, places: Mapping[KeyPath, str]) -> str:
    """A field of an engine without a default that has no value; `given` is what the engine was set to."""
    section, name = ".".join(path[:-1]), path[-1]
    kind = given.get("kind") if isinstance(given, Mapping) else given
    return f"{section}={kind} names a kind of engine but no {name}{_at(path[:-1], places)}; give {section}.{name}=…"


def _wrong(path: KeyPath, value: Any, words: str, places: Mapping[KeyPath, str]) -> str:
    return f"{'.'.join(path)} is {shown(value)}{_at(path, places)}; it must be {words}"


def _at(path: KeyPath, places: Mapping[KeyPath, str]) -> str:
    place = places.get(path)
    return f" ({place})" if place else ""


def shown(value: Any) -> str:
    """A value as YAML has it, cut where it is long."""
    as_yaml = {None: "null", True: "true", False: "false"}
    text = as_yaml[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
