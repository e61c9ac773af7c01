"""Configs as files: YAML with `extends`, overrides from the command line, and one plain line for each mistake.

    config = load_config("recipe.yaml", ["plan.window_s=8"])

A bare word names a recipe that ships with Longcap; anything with a slash or a .yaml suffix is a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from math import isfinite
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_origin

import yaml
from pydantic import TypeAdapter, ValidationError

from operators.core.addresses import HIDDEN, redacted_value
from operators.core.text import nearest
from operators.engines.registry import spec_class
from pipeline.config.check import check
from pipeline.config.docs import EXTENDS, allowed, hints_of
from pipeline.config.grid import KEYS, agreed, moved, told
from pipeline.config.types import Config
from pipeline.terminal.errors import UsageError

DEFAULT_RECIPE = "measure"

YAML_ERRORS = (yaml.YAMLError, ValueError, RecursionError)
"""What PyYAML raises for a text: no YAML, a date that no calendar has, too deep a nesting."""

_ENGINE_KEYS = ("engine", "verifiers", "evaluator", "optimiser")  # options that hold engines
_SHOWN = 80  # characters of a value that a message shows
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")  # as engines ask for it

KeyPath: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """A config file or an override as read: its values, and where each key stands, for errors."""

    values: dict[str, Any]
    places: dict[KeyPath, str] = field(default_factory=dict)


def load_config(path_or_name: str | PathLike[str] | None = None, *overrides: str | Sequence[str]) -> Config:
    """Read, merge, validate and check a config.

    Args:
        path_or_name: a recipe's name or a path to a YAML file; None is the recipe `measure`.
        overrides: `section.key=VALUE`, VALUE being YAML, one by one or in lists; later ones win.

    Raises:
        UsageError: one line for each mistake: where it stands, what was given, what is allowed.
    """
    layers = _chain(fspath(path_or_name or DEFAULT_RECIPE), base=Path.cwd(), asked_by="")
    layers += [_override(text) for some in overrides for text in ([some] if isinstance(some, str) else some)]
    layers = [_with_grid(layer) for layer in layers]
    values: dict[str, Any] = {}
    places: dict[KeyPath, str] = {}
    for layer in layers:
        values = _merge(values, layer.values)
        places.update(layer.places)
    values = _named_engines(values)
    config = config_from_dict(values, places=places)
    if "cell_s" not in (values.get("measure") or {}):  # what is measured is cut where the windows are
        config = replace(config, measure=replace(config.measure, cell_s=config.plan.stride_s))
    if config.plan.windows == "shots" and "sampling" not in (values.get("decode") or {}):  # a picture in each
        config = replace(config, decode=replace(config.decode, sampling="shots"))
    if "engine" not in (values.get("names") or {}):  # who tells the video also decides who is who
        config = replace(config, names=replace(config.names, engine=config.narrate.engine))
    check(config)
    return config


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
            return told(_adapter().validate_python(cleaned))
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


def recipes() -> list[str]:
    """Names of the recipes that ship with Longcap."""
    return sorted(p.name.removesuffix(".yaml") for p in _recipe_folder().iterdir() if p.name.endswith(".yaml"))


# -- files and overrides -----------------------------------------------------------------------------------------------


def _recipe_folder() -> Any:
    return files("configs") / "recipes"


def _chain(named: str, *, base: Path, asked_by: str, seen: tuple[str, ...] = ()) -> list[_Layer]:
    """The layers of a file, what it extends first. `base` is what its path is relative to."""
    if "/" in named or named.endswith((".yaml", ".yml")):
        path = (base / Path(named).expanduser()).resolve()
        label = named
    elif named in recipes():
        path, label = Path(str(_recipe_folder() / f"{named}.yaml")), f"recipe {named}"
    else:
        stands = f" (a file of that name is here: write ./{named})" if (base / named).is_file() else ""
        raise UsageError(
            f"{asked_by}{named!r} is no recipe{nearest(named, recipes())} Known: {', '.join(recipes())}{stands}"
        )
    if str(path) in seen:
        raise UsageError(f"{asked_by}extends goes in a circle: {' -> '.join([*seen, str(path)])}")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(
            f"{asked_by}there is no config file {label}{nearest(path.name, beside)}".rstrip(".")
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{asked_by}config file {label} cannot be read: {error}") from error
    layer = _parse(text, label)
    parent = layer.values.pop(EXTENDS, None)
    if parent is None:
        return [layer]
    if not isinstance(parent, str):
        raise UsageError(f"extends is {parent!r} ({label}); it must be a recipe's name or a path")
    above = _chain(parent, base=path.parent, asked_by=f"{label} extends {parent}: ", seen=(*seen, str(path)))
    return [*above, layer]


def _with_grid(layer: _Layer) -> _Layer:
    """The keys of the grid in the section `plan`, with the places where they stand."""
    places = {
        ("plan", *path[1:]) if path[0] == "caption" and path[-1] in KEYS else path: p
        for path, p in layer.places.items()
    }
    return _Layer(values=moved(layer.values), places=places)


def _parse(text: str, label: str) -> _Layer:
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        places: dict[KeyPath, str] = {}
        if node is not None:
            _note_places(node, (), label, places)
        values = loader.construct_document(node) if node is not None else {}
    except YAML_ERRORS as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise UsageError(f"{label}{line} is not YAML: {_yaml_problem(error)}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{label} holds {_show(values)}; a config is a mapping of sections")
    return _Layer(values=values, places=places)


def _yaml_problem(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return " ".join(str(getattr(error, "problem", None) or error).split())


def _cut(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


def _note_places(node: yaml.Node, path: KeyPath, label: str, places: dict[KeyPath, str]) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        here = (*path, str(key.value))
        place = f"{label} line {key.start_mark.line + 1}"
        if here in places:  # YAML readers take the last one in silence
            raise UsageError(f"{'.'.join(here)} stands twice ({places[here]} and {place}); keep one")
        places[here] = place
        _note_places(value, here, label, places)


def _override(text: str) -> _Layer:
    key, equals, raw = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise UsageError(f"--set {text!r} is not of the form section.key=VALUE")
    try:
        value = yaml.safe_load(raw)
    except YAML_ERRORS as error:
        raise UsageError(f"--set {_cut(text)}: {_cut(raw)} is not YAML: {_yaml_problem(error)}") from error
    for part in reversed(path):
        value = {part: value}
    return _Layer(values=value, places={path[: i + 1]: f"--set {key.strip()}" for i in range(len(path))})


def _merge(below: Any, above: Any) -> Any:
    """Mappings merge key by key, all else is replaced. An engine of another kind keeps nothing of the one before."""
    if not isinstance(above, Mapping):
        return above
    if isinstance(below, str) and "kind" not in above:
        below = {"kind": below}  # `engine: measure` below, `engine: {seed: 1}` above
    if not isinstance(below, Mapping) or above.get("kind", below.get("kind")) != below.get("kind"):
        return dict(above)
    return {**below, **{key: _merge(below.get(key), value) for key, value in above.items()}}


def _named_engines(values: dict[str, Any]) -> dict[str, Any]:
    """Names of engines in sections and steps as what `engines` says of them; the step runs in that pool."""
    engines = values.get("engines")
    if not isinstance(engines, Mapping):
        return values

    def section(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        found = {key: named(value[key]) for key in _ENGINE_KEYS if key in value}
        return {**value, **found} if any(found[key] is not value[key] for key in found) else value

    def named(value: Any) -> Any:
        if isinstance(value, list):
            found = [named(one) for one in value]
            return found if any(a is not b for a, b in zip(found, value, strict=True)) else value
        return engines[value] if isinstance(value, str) and value in engines else value

    def step(value: Any) -> Any:
        if not (isinstance(value, Mapping) and len(value) == 1):
            return value
        ((name, options),) = value.items()
        found = section(options)
        if found is options:
            return value
        pool = {"pool": options["engine"]} if isinstance(options.get("engine"), str) else {}
        return {name: {**pool, **found}}

    def table(value: Any) -> Any:
        steps = value.get("steps") if isinstance(value, Mapping) else None
        return {**value, "steps": [step(one) for one in steps]} if isinstance(steps, list) else value

    found = {name: section(value) for name, value in values.items()}
    if isinstance(tables := values.get("tables"), Mapping):
        found["tables"] = {name: table(value) for name, value in tables.items()}
    return found


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
            f"{'.'.join(path)} is {_show(values)}{_at(path, places)}; it must be a mapping with {', '.join(hints)}"
        )
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
    return f"{'.'.join(path)} is {_show(value)}{_at(path, places)}; it must be {words}"


def _at(path: KeyPath, places: Mapping[KeyPath, str]) -> str:
    place = places.get(path)
    return f" ({place})" if place else ""


def _show(value: Any) -> str:
    as_yaml = {None: "null", True: "true", False: "false"}
    text = as_yaml[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
