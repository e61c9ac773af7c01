"""Structured answers: read with tolerance, brought into the form that was asked for, cleaned field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from operators.cleaning.reader import read_json

Model = TypeVar("Model", bound=BaseModel)
Change = Callable[[str, str], str]
"""(name of the field, its text) -> the text cleaned."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_YES, _NO = frozenset({"true", "yes", "same", "1"}), frozenset({"false", "no", "different", "0"})
_ABSENT: Any = object()


def read_form(text: str, model: type[Model]) -> Model:
    """The answer as `model`.

    Fields that were not asked for are dropped; names of fields may differ in case; a missing or null field that may be
    empty is empty; one value stands for a list of one, a number in words for the number.

    Raises:
        ValueError: there is no JSON in it, or it lacks what `model` needs.
    """
    return model.model_validate(_shaped(read_json(text), model, "", None))


def clean_form(text: str, model: type[BaseModel], change: Change) -> tuple[str, bool]:
    """The answer as JSON in the form of `model`, each text changed by `change`; and whether its form was mended.

    What cannot be read is returned as it is: the gate `malformed` says what is wrong with it.
    """
    try:
        value = read_json(text)
    except ValueError:
        return text, False
    plain = _shaped(value, model, "", None)
    mended = plain != value or not _is_json(text)
    return json.dumps(_shaped(value, model, "", change), ensure_ascii=False), mended


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _shaped(value: Any, kind: Any, name: str, change: Change | None) -> Any:
    kind, most = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _object(value, kind, change)
    if get_origin(kind) is list:
        return _list(value, get_args(kind)[0], name, most, change)
    if kind is str:
        return _text(value, name, most, change)
    if kind is int:
        found = _NUMBER.search(value) if isinstance(value, str) else None
        number = float(found.group(0)) if found else value
        return round(number) if isinstance(number, float) and abs(number) < 1e9 else number
    if kind is bool and isinstance(value, str | int) and not isinstance(value, bool):
        said = _first_word(str(value))
        return True if said in _YES else False if said in _NO else value
    return value


def _bare(kind: Any) -> tuple[Any, int | None]:
    """A type without its annotations, and the most items or characters that they allow."""
    most: int | None = None
    while get_origin(kind) in (Annotated, Union, UnionType):
        if get_origin(kind) is Annotated:
            for note in get_args(kind)[1:]:
                most = _most(note) or most
        kind = get_args(kind)[0]
    return kind, most


def _most(note: Any) -> int | None:
    for part in (note, *getattr(note, "metadata", ())):
        if isinstance(found := getattr(part, "max_length", None), int):
            return found
    return None


def _object(value: Any, model: type[BaseModel], change: Change | None) -> Any:
    fields = model.model_fields
    if isinstance(value, list):
        if len(fields) == 1 and get_origin(_bare(next(iter(fields.values())).annotation)[0]) is list:
            value = {next(iter(fields)): value}  # the list itself, without the object around it
        elif len(value) == 1:
            value = value[0]
    if isinstance(value, str):
        value = {next(iter(fields)): value}
    if not isinstance(value, dict):
        return value
    named = {_plain(key): item for key, item in value.items()}
    if len(named) == 1 and not named.keys() & fields.keys():
        inner = next(iter(named.values()))
        if isinstance(inner, dict | list):  # {"window": {...}}
            return _object(inner, model, change)
    named = _renamed(named, fields)
    shaped = {}
    for name, field in fields.items():
        kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        item = named.get(name, _ABSENT)
        if item is _ABSENT or item is None:
            item = _empty(field)
        if item is not _ABSENT:
            shaped[name] = _shaped(item, kind, name, change)
    return shaped


def _renamed(named: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """A needed field that has no value takes the one value of its kind that has another name: `title` for `topic`."""
    for name, field in fields.items():
        kind, _ = _bare(field.annotation)
        if name in named or kind not in (str, int, bool) or _empty(field) is not _ABSENT:
            continue
        others = [key for key in named if key not in fields and _fits(named[key], kind)]
        if len(others) == 1:
            named = {**named, name: named[others[0]]}
    return named


def _fits(value: Any, kind: Any) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and (
            isinstance(value, bool) or (isinstance(value, str) and _first_word(value) in _YES | _NO)
        )
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, str):
        number = _NUMBER.match(value.strip()) is not None
        return number if kind is int else bool(value.strip()) and not number
    return number and kind is int


def _first_word(text: str) -> str:
    return next(iter(re.findall(r"\w+", text.lower())), "")


def _empty(field: Any) -> Any:
    """What stands for a field that is not there; nothing where it must not be empty."""
    if any(getattr(part, "min_length", 0) for part in field.metadata):
        return _ABSENT
    kind, _ = _bare(field.annotation)
    return "" if kind is str else [] if get_origin(kind) is list else _ABSENT


def _list(value: Any, kind: Any, name: str, most: int | None, change: Change | None) -> Any:
    if value is None or value in ("", {}):
        return []
    items = value if isinstance(value, list | tuple) else [value]
    items = [str(item) if isinstance(item, int | float) and _bare(kind)[0] is str else item for item in items]
    shaped = [_shaped(item, kind, name, change) for item in items if item is not None]
    if change is not None:
        shaped = [item for item in shaped if item not in ("", {}) and not _nameless(item)]
    return shaped[:most] if most is not None else shaped


def _nameless(item: Any) -> bool:
    """Whether the first field of an object, which names it, is empty."""
    return isinstance(item, dict) and bool(item) and next(iter(item.values())) == ""


def _text(value: Any, name: str, most: int | None, change: Change | None) -> Any:
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value if isinstance(item, str | int | float))
    elif isinstance(value, dict):
        value = ", ".join(str(item) for item in value.values() if isinstance(item, str | int | float))
    if not isinstance(value, str):
        return value
    if change is None:
        return value
    value = change(name, value)
    return value if most is None or len(value) <= most else _clipped(value, most)


def _clipped(text: str, most: int) -> str:
    """At most so many characters: whole sentences, else whole words, where there are any."""
    cut = text[:most]
    end = max(cut.rfind(mark) for mark in ".!?。") + 1
    return cut[:end] if end > most // 2 else cut.rsplit(" ", 1)[0] if " " in cut else cut


def _plain(key: Any) -> str:
    return re.sub(r"[\W_]+", "_", str(key).strip()).strip("_").lower()
