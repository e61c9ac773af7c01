"""Documentation of the config, generated from its types: a JSON Schema for editors, and a commented YAML of all keys.

Descriptions, units and limits are defined at the fields; this module only formats them.
"""

from __future__ import annotations

import json
import sys
import textwrap
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from operators.core.base import FromPlan, Sizing
from operators.engines.base import EngineSpec
from operators.engines.registry import engine_config
from pipeline.config.types import Config

EXTENDS = "extends"
_EXTENDS_TEXT = "the recipe or file that this one changes: a recipe's name, or a path relative to this file"
_BEGIN, _END = "<!-- begin: longcap config --defaults -->", "<!-- end -->"
_WIDTH = 110


def schema_json() -> str:
    """JSON Schema of a config file, `extends` included. Unknown keys are errors, as in Longcap."""
    schema = TypeAdapter(Config).json_schema()
    for part in [schema, *schema.get("$defs", {}).values()]:
        if "properties" in part:
            part["additionalProperties"] = False
    schema["properties"] = {EXTENDS: {"type": "string", "description": _EXTENDS_TEXT}, **schema["properties"]}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Longcap config"}
    return json.dumps(schema, indent=2, ensure_ascii=False)


def defaults_yaml() -> str:
    """A YAML config of all keys with their defaults, meaning and allowed values in comments. It can be loaded."""
    return "\n".join(_lines(Config(), indent=0)).strip() + "\n"


def fill_page(page: str) -> str:
    """Replace the block between the markers of `page` by `defaults_yaml()`.

    Raises:
        ValueError: the page has no such block.
    """
    head, begin, rest = page.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the page has no block between {_BEGIN} and {_END}")
    return f"{head}{begin}\n```yaml\n{defaults_yaml()}```\n{end}{tail}"


def hints_of(cls: type) -> dict[str, Any]:
    """Field name -> annotation of a dataclass, in order, with `Annotated` kept."""
    hints = get_type_hints(cls, include_extras=True)
    return {f.name: hints[f.name] for f in fields(cls)}


def allowed(hint: Any) -> str:
    """Allowed values of an annotation in words, such as "a number above 0" or "one of streaming, phased"."""
    if get_origin(hint) is Annotated:
        base, *marks = get_args(hint)
        limits = [m for mark in marks for m in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
        return _bounded(base, [w for m in limits for w in _limit(m)])
    return _bounded(hint, [])


def _lines(section: Any, *, indent: int) -> Iterator[str]:
    hints = hints_of(type(section))
    for f in fields(section):
        value, hint = getattr(section, f.name), hints[f.name]
        if get_origin(hint) is Annotated and any(isinstance(mark, FromPlan) for mark in get_args(hint)[1:]):
            continue
        if is_dataclass(hint):
            if indent == 0:
                yield ""
                yield from _comment(_first_paragraph(value), indent)
            body = list(_lines(value, indent=indent + 2))
            yield f"{' ' * indent}{f.name}:{'' if body else ' {}'}"
            yield from body
            continue
        words = allowed(hint)
        limits = "" if words == "text" else f" [{words}]"
        sizing = " (changes no output)" if _is_sizing(hint) else ""
        yield from _comment(f"{_description(hint)}{limits}{sizing}", indent)
        plain = engine_config(value) if isinstance(value, EngineSpec) else value
        yield textwrap.indent(_yaml(f.name, plain), " " * indent)


def _yaml(key: str, value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    flow = None if isinstance(plain, list) else False  # lists stand on one line
    return yaml.safe_dump({key: plain}, default_flow_style=flow, sort_keys=False, width=_WIDTH).rstrip()


def _comment(text: str, indent: int) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH - indent):
        yield f"{' ' * indent}# {line}"


def _first_paragraph(section: Any) -> str:
    paragraph = (type(section).__doc__ or "").strip().split("\n\n")[0]
    return " ".join(paragraph.split())


def _description(hint: Any) -> str:
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((m.description for m in marks if isinstance(m, FieldInfo) and m.description), "")


def _is_sizing(hint: Any) -> bool:
    return get_origin(hint) is Annotated and any(isinstance(m, Sizing) for m in get_args(hint)[1:])


# -- annotations in words ----------------------------------------------------------------------------------------------

_WORDS = {float: "a number", int: "a whole number", str: "text", bool: "true or false", Any: "anything"}


def _limit(mark: Any) -> list[str]:
    signs = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most", "multiple_of": "a multiple of"}
    said = [f"{word} {getattr(mark, sign)}" for sign, word in signs.items() if getattr(mark, sign, None) is not None]
    if getattr(mark, "min_length", None):
        said.append(", not empty" if mark.min_length == 1 else f"of at least {mark.min_length}")
    if getattr(mark, "max_length", None):
        said.append(f"of at most {mark.max_length}")
    return said


def _bounded(hint: Any, limits: list[str]) -> str:
    bounds = f" {' and '.join(limits)}" if limits else ""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        words = allowed(hint)
    elif origin is Literal:
        words = f"one of {', '.join(map(str, args))}" if len(args) > 1 else f'"{args[0]}"'
    elif origin in (Union, types.UnionType):
        parts = [_bounded(a, limits if a in _WORDS else []) for a in args if a is not type(None)]
        words = ", or ".join([*parts, *(["null"] if type(None) in args else [])])
    elif origin in (tuple, list, set, frozenset):
        words = f"a list{bounds}, each {_bounded(args[0], []) if args else 'anything'}"
    elif hint is EngineSpec:
        words = "an engine: its kind, or a mapping with its kind"
    elif is_dataclass(hint):
        words = "a mapping with " + ", ".join(f.name for f in fields(hint))
    else:
        words = f"{_WORDS.get(hint, 'a mapping')}{bounds}".replace(" ,", ",")
    return words


if __name__ == "__main__":  # python -m pipeline.config.docs docs/config.md: write the block anew
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(fill_page(path.read_text(encoding="utf-8")), encoding="utf-8")
