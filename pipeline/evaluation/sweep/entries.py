"""The entries of a sweep: every combination of the values of its keys, each with a name and a config."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import product
from typing import Any

from longcap import safe_yaml
from pipeline.config.load import load_config
from pipeline.config.types import Config
from pipeline.terminal.errors import UsageError

MOST = 200


@dataclass(frozen=True)
class Entry:
    """One combination.

    Attributes:
        name: name of its output, such as `fps-0.5_window_s-8`.
        values: key -> value.
    """

    name: str
    values: dict[str, Any]
    config: Config


def entries_of(recipe: str, over: Sequence[str], overrides: Sequence[str] = ()) -> list[Entry]:
    """Return all combinations; the values of the last key change fastest.

    Args:
        recipe: name or path, as for `longcap run -c`.
        over: `section.key=VALUE,VALUE`.
        overrides: `section.key=VALUE`, applied to all entries.

    Raises:
        UsageError: a key or value is invalid, or there are too many combinations.
    """
    if not over:
        raise UsageError("a sweep needs at least one --over KEY=VALUE,VALUE")
    axes = [_axis(text) for text in over]
    keys = [key for key, _ in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"--over {key} appears twice; give all its values in one")
    combinations = list(product(*(values for _, values in axes)))
    if len(combinations) > MOST:
        raise UsageError(f"--over makes {len(combinations)} outputs; at most {MOST} are allowed; give fewer values")
    shown = {key: key.rsplit(".", 1)[-1] for key in keys}
    if len(set(shown.values())) < len(keys):
        shown = {key: key for key in keys}
    found, names = [], set()
    for values in combinations:
        given = dict(zip(keys, values, strict=True))
        name = "_".join(f"{shown[key]}-{_plain(value)}" for key, value in given.items())
        if name in names:
            raise UsageError(f"--over gives two outputs the name {name}; remove one of the equal values")
        names.add(name)
        changes = [f"{key}={json.dumps(value)}" for key, value in given.items()]
        found.append(Entry(name, given, load_config(recipe, list(overrides), changes)))
    return found


def _axis(text: str) -> tuple[str, list[Any]]:
    key, equals, raw = text.partition("=")
    if not equals or not raw.strip() or not all(key.strip().split(".")):
        raise UsageError(f"--over {text!r} is not of the form section.key=VALUE,VALUE")
    try:
        values = safe_yaml.read(f"[{raw}]")
    except safe_yaml.YamlError as error:
        raise UsageError(f"--over {text}: the values are not YAML: {error}") from error
    return _key(key.strip()), values


def _key(key: str) -> str:
    """Correct the section of a key if exactly one other section has it: `plan.fps` becomes `decode.fps`."""
    section, dot, name = key.partition(".")
    config = Config()
    if (
        not dot
        or "." in name
        or not is_dataclass(getattr(config, section, None))
        or hasattr(getattr(config, section), name)
    ):
        return key
    homes = [f.name for f in fields(config) if is_dataclass(one := getattr(config, f.name)) and hasattr(one, name)]
    return f"{homes[0]}.{name}" if len(homes) == 1 else key


def _plain(value: Any) -> str:
    """Format a value as part of a folder's name."""
    text = value if isinstance(value, str) else json.dumps(value)
    return re.sub(r"[^\w.+]+", "-", text).strip("-.")[:60] or "none"
