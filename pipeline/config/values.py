"""Conversion between configs and plain values, with validation and one error line per mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, TypeAlias, get_args, get_origin

import yaml
from pydantic import TypeAdapter, ValidationError

from operators.core.addresses import HIDDEN, redacted_value
from operators.core.named import bent, renamed
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
    """Validate and check a config that was created in Python, as for a file.

    Raises:
        UsageError: as in `load_config`.
    """
    config = config_from_dict(config_to_dict(agreed(config)))
    check(config)
    return config


def config_from_dict(values: Mapping[str, Any], *, places: Mapping[KeyPath, str] | None = None) -> Config:
    """Build a config from plain values. It is validated, but not checked as a whole; `places` locates each key."""
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
    """The plain values of a config, from which `config_from_dict` builds an equal one: all fields, in order."""
    dumped: dict[str, Any] = _adapter().dump_python(config, mode="json", warnings=False)
    dumped["caption"] = {key: value for key, value in dumped["caption"].items() if key not in KEYS}
    return dumped


def dump_config(config: Config) -> str:
    """Write a config as YAML that loads back to an equal config, except that secrets are left out."""
    # not allow_unicode: PyYAML writes some characters, such as U+0085, so that it reads others back
    return yaml.safe_dump(_without_keys(redacted_value(config_to_dict(config))), sort_keys=False, width=120)


def _without_keys(value: Any) -> Any:
    """Hide a key that was given by mistake instead of the name of its environment variable."""
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
    """`values` for pydantic, with empty sections as {}. Unknown keys and unsafe coercions are added to `problems`."""
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
        elif bent(value, hints[key]):
            problems.append(_wrong(here, value, allowed(hints[key]), places))
        else:
            cleaned[key] = value
    return cleaned


def _elsewhere(path: KeyPath) -> str:
    """The end of an error about an unknown key that exists, or nearly, in another section; "" if there is none."""
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
    """The paths of all keys with values below a section, without those of engines, which depend on the kind."""
    for key, hint in hints_of(cls).items():
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _paths(hint, (*above, key))
        elif above:
            yield (*above, key)


def _plain(error: ValidationError, values: Any, places: Mapping[KeyPath, str]) -> list[str]:
    """One line per field with a wrong value, in place of pydantic's several lines."""
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
    """The field that contains pydantic's `loc`, the value given for it, and its annotation."""
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
    """The message about a required field of an engine without a value; `given` is the engine's value in the config."""
    section, name = ".".join(path[:-1]), path[-1]
    kind = given.get("kind") if isinstance(given, Mapping) else given
    return f"{section}={kind} names a kind of engine but no {name}{_at(path[:-1], places)}; give {section}.{name}=…"


def _wrong(path: KeyPath, value: Any, words: str, places: Mapping[KeyPath, str]) -> str:
    return f"{'.'.join(path)} is {shown(value)}{_at(path, places)}; it must be {words}"


def _at(path: KeyPath, places: Mapping[KeyPath, str]) -> str:
    place = places.get(path)
    return f" ({place})" if place else ""


def shown(value: Any) -> str:
    """A value in YAML notation, cut if it is long."""
    as_yaml = {None: "null", True: "true", False: "false"}
    text = as_yaml[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
