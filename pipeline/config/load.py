"""Loading of config files: YAML with `extends`, overrides from the command line, and one error line per mistake.

    config = load_config("recipe.yaml", ["plan.window_s=8"])

A single word names a recipe that ships with Longcap; a name with a slash or the suffix .yaml is a path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import yaml

from longcap import safe_yaml
from operators.core.text import nearest
from pipeline.config.check import check
from pipeline.config.docs import EXTENDS
from pipeline.config.grid import KEYS, moved
from pipeline.config.types import Config
from pipeline.config.values import KeyPath, config_from_dict, shown
from pipeline.terminal.errors import UsageError

DEFAULT_RECIPE = "measure"

_ENGINE_KEYS = ("engine", "verifiers", "evaluator", "optimiser")  # options that hold engines
_SHOWN = 80  # characters of a value that a message shows


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """The values of a config file or override, and the place of each key, for error messages."""

    values: dict[str, Any]
    places: dict[KeyPath, str] = field(default_factory=dict)


def load_config(path_or_name: str | PathLike[str] | None = None, *overrides: str | Sequence[str]) -> Config:
    """Read, merge, validate and check a config.

    Args:
        path_or_name: the name of a recipe or the path of a YAML file; None for the recipe `measure`.
        overrides: `section.key=VALUE` with a YAML value, as single strings or lists; later ones take precedence.

    Raises:
        UsageError: one line per mistake with its place, the given value and the allowed values.
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
    if "cell_s" not in (values.get("measure") or {}):  # measurements have the same boundaries as windows
        config = replace(config, measure=replace(config.measure, cell_s=config.plan.stride_s))
    if config.plan.windows == "shots" and "sampling" not in (values.get("decode") or {}):  # a frame in each
        config = replace(config, decode=replace(config.decode, sampling="shots"))
    if "engine" not in (values.get("names") or {}):  # by default the narrator's engine resolves names
        config = replace(config, names=replace(config.names, engine=config.narrate.engine))
    check(config)
    return config


def recipes() -> list[str]:
    """Names of the recipes that ship with Longcap."""
    return sorted(p.name.removesuffix(".yaml") for p in _recipe_folder().iterdir() if p.name.endswith(".yaml"))


# -- files and overrides -----------------------------------------------------------------------------------------------


def _recipe_folder() -> Any:
    return files("configs") / "recipes"


def _chain(named: str, *, base: Path, asked_by: str, seen: tuple[str, ...] = ()) -> list[_Layer]:
    """The layers of a file, starting with the file that it extends. Its path is relative to `base`."""
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
    """The layer with the grid's keys moved to the section `plan`, and with their places."""
    places = {
        ("plan", *path[1:]) if path[0] == "caption" and path[-1] in KEYS else path: p
        for path, p in layer.places.items()
    }
    return _Layer(values=moved(layer.values), places=places)


def _parse(text: str, label: str) -> _Layer:
    try:
        values, node = safe_yaml.read_with_node(text)
    except safe_yaml.YamlError as error:
        line = f" line {error.line}" if error.line else ""
        raise UsageError(f"{label}{line} is not YAML: {error}") from error
    places: dict[KeyPath, str] = {}
    if node is not None:
        _note_places(node, (), label, places)
    else:
        values = {}
    if not isinstance(values, dict):
        raise UsageError(f"{label} holds {shown(values)}; a config is a mapping of sections")
    return _Layer(values=values, places=places)


def _cut(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


def _note_places(node: yaml.Node, path: KeyPath, label: str, places: dict[KeyPath, str]) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        here = (*path, str(key.value))
        place = f"{label} line {key.start_mark.line + 1}"
        if here in places:  # YAML readers take the last one in silence
            raise UsageError(f"{'.'.join(here)} appears twice ({places[here]} and {place}); keep one")
        places[here] = place
        _note_places(value, here, label, places)


def _override(text: str) -> _Layer:
    key, equals, raw = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise UsageError(f"--set {text!r} is not of the form section.key=VALUE")
    try:
        value = safe_yaml.read(raw)
    except safe_yaml.YamlError as error:
        raise UsageError(f"--set {_cut(text)}: {_cut(raw)} is not YAML: {error}") from error
    for part in reversed(path):
        value = {part: value}
    return _Layer(values=value, places={path[: i + 1]: f"--set {key.strip()}" for i in range(len(path))})


def _merge(below: Any, above: Any) -> Any:
    """Merge mappings key by key and replace other values. An engine of another kind replaces the previous one."""
    if not isinstance(above, Mapping):
        return above
    if isinstance(below, str) and "kind" not in above:
        below = {"kind": below}  # `engine: measure` below, `engine: {seed: 1}` above
    if not isinstance(below, Mapping) or above.get("kind", below.get("kind")) != below.get("kind"):
        return dict(above)
    return {**below, **{key: _merge(below.get(key), value) for key, value in above.items()}}


def _named_engines(values: dict[str, Any]) -> dict[str, Any]:
    """Replace names of engines in sections and steps by their definitions in `engines`; the step runs in that pool."""
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
