"""docs/reference/exports.md, from the classes of `pipeline.export.registry.EXPORTS`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from inspect import cleandoc
from typing import Any, get_type_hints

from pipeline.config.docs import allowed
from pipeline.export.base import Export
from pipeline.export.registry import EXPORTS, export_class
from tests.support.reference.markdown import table


def exports_page() -> str:
    lines = [
        "# Export formats",
        "",
        "What `longcap export OUT --to FORMAT` takes. [Export for training and other tools](../export.md) shows how to "
        "use it. An option is given with `--set OPTION=VALUE`. The first value of `--unit`, `--spans` and `--media` is "
        "the default.",
    ]
    for name in sorted(EXPORTS):
        lines += ["", f"## {name}", "", *_format(export_class(name))]
    return "\n".join(lines) + "\n"


def _format(cls: type[Export]) -> Iterator[str]:
    about, told = _docstring(cls)
    yield about
    yield ""
    for key in ("units", "spans", "media"):
        if values := getattr(cls, key):
            option = key.removesuffix("s") if key == "units" else key
            yield f"- `--{option}`: {', '.join(f'`{value}`' for value in values)}"
    yield ""
    meanings = {
        key: text for parent in reversed(cls.__mro__[:-1]) for key, text in _docstring(parent)[1].items()
    } | told
    hints = get_type_hints(cls, include_extras=True)
    body = [(f"`{f.name}`", _default(f), allowed(hints[f.name]), meanings.get(f.name, "")) for f in fields(cls)]
    if body:
        yield from table(("option", "default", "values", "meaning"), body)


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return ""
    return f"`{field.default}`" if field.default not in ("", None) else ""


def _docstring(cls: type) -> tuple[str, dict[str, str]]:
    """Return the text before `Args:`, and argument -> meaning."""
    about, _, rest = cleandoc(cls.__dict__.get("__doc__") or "").partition("\nArgs:\n")
    about = about.partition("\nClass attributes:")[0]
    found = re.findall(r"^    (\w[\w, ]*): (.*?)(?=^    \w[\w, ]*: |^\S|\Z)", rest, re.MULTILINE | re.DOTALL)
    return about.strip(), {name: " ".join(text.split()) for names, text in found for name in names.split(", ")}
