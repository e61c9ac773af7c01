"""How a recipe names an operator: a word of `OPERATORS`, a name that an installed distribution offers as an entry point
of the group `longcap.operators`, or the place of your own class, `package.module:ClassName`.

Operators are imported when they are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from operators.core.base import Operator
from operators.core.entry_points import OPERATORS as GROUP
from operators.core.entry_points import offers

OPERATORS: dict[str, str] = {
    "decode": "operators.video.decode:Decode",
    "embed": "operators.embedding.embed:Embed",
    "embed_text": "operators.embedding.embed:EmbedText",
    "listen": "operators.audio.listen:Listen",
    "match": "operators.embedding.match:Match",
    "measure": "operators.analysis.measure:Measure",
    "caption": "operators.caption.caption:Caption",
    "names": "operators.coreference.names:Names",
    "narrate": "operators.narrate.narrate:Narrate",
    "read": "operators.reading.read:Read",
    "tile": "operators.embedding.tile:Tile",
}
"""name -> "module:Class" of the operators that ship with Longcap; an entry point cannot replace them."""

_Any = TypeVar("_Any", bound=Operator)


def names() -> dict[str, str]:
    """name -> "module:Class", of all operators that have a name here.

    Raises:
        ValueError: two installed distributions offer the same name.
    """
    return {**{name: offer.place for name, offer in offers(GROUP).items()}, **OPERATORS}


def operator_class(name: str) -> type[Operator]:
    """The class that `name` stands for.

    Raises:
        ValueError: in one line, when there is no such name, module or class, or the class is no operator.
    """
    named = names()
    module_name, colon, class_name = named.get(name, name).partition(":")
    if not (colon and module_name and class_name):
        close = get_close_matches(name, list(named), n=1)
        hint = f"; did you mean {close[0]}?" if close else "."
        known = ", ".join(sorted(named))
        raise ValueError(f"{name!r} is no operator{hint} Known: {known}, or package.module:ClassName of your own")
    try:
        found = getattr(import_module(module_name), class_name, None)
    except ImportError as error:
        raise ValueError(f"operator {name!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Operator) and is_dataclass(found)):
        raise ValueError(f"operator {name!r} is not a dataclass derived from operators.core.base.Operator")
    return found


def make(name: str, options: Mapping[str, Any], base: Operator | None = None) -> Operator:
    """An operator from a recipe.

    Args:
        options: its fields, as plain values.
        base: the operator that the config's section of this name describes; `options` go over it.

    Raises:
        ValueError: in one line, for an unknown name or field, or a wrong value.
    """
    cls = type(base) if base is not None else operator_class(name)
    known = [f.name for f in fields(cls) if f.init]
    for key in options:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise ValueError(f"{key} is not a known key of {name}{hint} Known here: {', '.join(known) or 'none'}")
    if base is not None and not options:
        return base
    below = {f: getattr(base, f) for f in known if f not in options} if base is not None else {}
    try:
        return _adapter(cls).validate_python({**below, **options})
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise ValueError(f"{where or name}: {detail['msg']}, and {detail['input']!r:.80} was given") from error


def instance(operator: _Any, *, name: str | None = None, pool: str | None = None) -> _Any:
    """A copy of an operator that goes by another name, or runs in another pool; what it makes is the same.

    Its fields, and so its fingerprint, stay as they are: one operator can stand in a recipe twice.
    """
    from copy import copy

    found = copy(operator)
    for attribute, value in (("name", name), ("pool", pool)):
        if value is not None:
            object.__setattr__(found, attribute, value)  # hides the class variable, for this instance only
    return found


@lru_cache(maxsize=64)
def _adapter(cls: type[Operator]) -> TypeAdapter[Operator]:
    return TypeAdapter(cls)
