"""Structured answers: read with tolerance, brought into the form that was asked for, cleaned field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from operators.cleaning.reader import read_json

Model = TypeVar("Model", bound=BaseModel)
Change = Callable[[str, str], str]
"""(name of the field, its text) -> the text cleaned."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_JOINED = re.compile(r"[-–−/]\s*\d|\d\s*[-–−/]")  # part of a range, a fraction or a name
_DENIED = re.compile(r"\b(?:no|not|none|neither|nor|never|without)\b|n['’]t\b", re.I)
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):([0-5]\d(?:[.,]\d+)?)")
_SPELLED = re.compile(
    r"(?=\d)(?:(\d+)\s*h(?:(?:ou)?rs?)?\s*)?(?:(\d+)\s*m(?:in(?:ute)?s?)?\s*)?"
    r"(?:(\d+(?:[.,]\d+)?)\s*(?:s(?:ec(?:ond)?s?)?)?)?\.?",
    re.I,
)
_BETWEEN = re.compile(r"\s*[,;]\s*(?:and\s+)?|\s+and\s+|\s*&\s*", re.I)
_NOTHING = frozenset({"", "none", "n/a", "na", "null", "nothing", "unknown", "-"})
_YES, _NO = frozenset({"true", "yes", "same", "1"}), frozenset({"false", "no", "different", "0"})
_MOST_NAMED = 8  # fields in a message
_ABSENT: Any = object()


@dataclass
class _Cleaning:
    """Changes the texts of an answer; `cut` says whether a list had more items than the form allows."""

    change: Change
    cut: bool = False


def read_form(text: str, model: type[Model]) -> Model:
    """The answer as `model`.

    Fields that were not asked for are dropped; names of fields may differ in case; a missing or null field that may be
    empty is empty; one value stands for a list of one, a text with one number for the number, and m:ss for a time in s.

    Raises:
        ValueError: there is no JSON in it, it lacks what `model` needs, or an object has none of the fields.
    """
    return model.model_validate(_shaped(read_json(text), model, "", None))


def clean_form(text: str, model: type[BaseModel], change: Change) -> tuple[str, bool, bool]:
    """The answer as JSON in the form of `model`, each text changed by `change`; whether its form was mended; and
    whether items were cut from the end of a list.

    What cannot be read is returned as it is: the gate `malformed` says what is wrong with it.
    """
    cleaning = _Cleaning(change)
    try:
        value = read_json(text)
        plain = _shaped(value, model, "", None)
        cleaned = _shaped(value, model, "", cleaning)
    except ValueError:
        return text, False, False
    mended = plain != value or not _is_json(text)
    return json.dumps(cleaned, ensure_ascii=False), mended, cleaning.cut


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _shaped(value: Any, kind: Any, name: str, cleaning: _Cleaning | None) -> Any:
    kind, most = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _object(value, kind, cleaning)
    if get_origin(kind) is list:
        return _list(value, get_args(kind)[0], name, most, cleaning)
    if kind is str:
        return _text(value, name, most, cleaning)
    if kind in (int, float):
        return _number(value, kind, name)
    if kind is bool and isinstance(value, str | int) and not isinstance(value, bool):
        said = _first_word(str(value))
        return True if said in _YES else False if said in _NO else value
    return value


def _number(value: Any, kind: type, name: str) -> Any:
    """The number that a value is, or that a text holds if it holds exactly one and does not deny it.

    What is no number is returned as it is, so that the model refuses it.

    Raises:
        ValueError: true or false, which are no numbers.
    """
    if isinstance(value, bool):
        raise ValueError(f"{name} is {str(value).lower()}; it must be a number")
    if isinstance(value, str):
        at_s = _seconds(value.strip()) if name.endswith("_s") else None
        value = at_s if at_s is not None else _only_number(value) if kind is int else value
    whole = kind is int and isinstance(value, float) and value.is_integer()
    return int(value) if whole else value


def _only_number(text: str) -> Any:
    found = _NUMBER.findall(text)
    bare = text.strip().removeprefix("-")  # the sign of a number
    if len(found) != 1 or _JOINED.search(bare) or _DENIED.search(text):
        return text
    return float(found[0])


def _seconds(text: str) -> float | None:
    """A time in s, written as m:ss, h:mm:ss, `12 s` or `1 min 5 s`; None if it is none."""
    found = _CLOCK.fullmatch(text) or _SPELLED.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds


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


def _object(value: Any, model: type[BaseModel], cleaning: _Cleaning | None) -> Any:
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
            return _object(inner, model, cleaning)
    named = _renamed(named, fields)
    if named and not named.keys() & fields.keys():
        named = _only_list(named, fields)
    shaped = {}
    for name, field in fields.items():
        kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        item = named.get(name, _ABSENT)
        if item is _ABSENT or item is None or (_nullable(field.annotation) and _says_nothing(item)):
            item = _empty(field)
        if item is not _ABSENT:
            shaped[name] = _shaped(item, kind, name, cleaning)
    return shaped


def _only_list(named: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Of an object without any field of the form: the one list in it, if the form is one list.

    Raises:
        ValueError: it is not. Taken as an empty answer, it would say that there is nothing.
    """
    lists = [value for value in named.values() if isinstance(value, list)]
    name, field = next(iter(fields.items()))
    if len(fields) == len(lists) == 1 and get_origin(_bare(field.annotation)[0]) is list:
        return {name: lists[0]}
    has, wanted = (", ".join(list(names)[:_MOST_NAMED]) for names in (named, fields))
    raise ValueError(f"an object has the fields {has}, and none of {wanted}")


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
    if _nullable(field.annotation):
        return None
    kind, _ = _bare(field.annotation)
    return "" if kind is str else [] if get_origin(kind) is list else _ABSENT


def _nullable(kind: Any) -> bool:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return get_origin(kind) in (Union, UnionType) and type(None) in get_args(kind)


def _says_nothing(value: Any) -> bool:
    return isinstance(value, str) and value.strip(" .").lower() in _NOTHING


def _list(value: Any, kind: Any, name: str, most: int | None, cleaning: _Cleaning | None) -> Any:
    bare = _bare(kind)[0]
    if bare in (int, float, bool):  # their places count, so none is removed and none cut off
        return [_shaped(item, kind, name, cleaning) for item in _values(value)]
    if value is None or value in ("", {}):
        return []
    items = value if isinstance(value, list | tuple) else [value]
    items = [str(item) if isinstance(item, int | float) and bare is str else item for item in items]
    shaped = [_shaped(item, kind, name, cleaning) for item in items if item is not None]
    if cleaning is not None:
        shaped = [item for item in shaped if item not in ("", {}) and not _is_left_empty(item, bare)]
    if most is None or len(shaped) <= most:
        return shaped
    if cleaning is not None:
        cleaning.cut = True
    return shaped[:most]


def _values(value: Any) -> list[Any]:
    """The numbers or booleans of a list, which may be a text such as "1, 3 and 5"."""
    if value is None or value == {} or _says_nothing(value):
        return []
    if isinstance(value, str):
        return [part for part in _BETWEEN.split(value.strip()) if part]
    return list(value) if isinstance(value, list | tuple) else [value]


def _is_left_empty(item: Any, kind: Any) -> bool:
    """Whether an object says nothing: the first field is empty, and must not be, or all other texts are empty, too."""
    if not isinstance(item, dict) or not item or next(iter(item.values())) != "":
        return False
    fields = getattr(kind, "model_fields", None)
    if fields and _empty(next(iter(fields.values()))) is _ABSENT:
        return True
    return not any(value for value in item.values() if isinstance(value, str | list | dict))


def _text(value: Any, name: str, most: int | None, cleaning: _Cleaning | None) -> Any:
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value if isinstance(item, str | int | float))
    elif isinstance(value, dict):
        value = ", ".join(str(item) for item in value.values() if isinstance(item, str | int | float))
    if not isinstance(value, str):
        return value
    if cleaning is None:
        return value
    value = cleaning.change(name, value)
    return value if most is None or len(value) <= most else _clipped(value, most)


def _clipped(text: str, most: int) -> str:
    """At most so many characters: whole sentences, else whole words, where there are any."""
    cut = text[:most]
    end = max(cut.rfind(mark) for mark in ".!?。") + 1
    return cut[:end] if end > most // 2 else cut.rsplit(" ", 1)[0] if " " in cut else cut


def _plain(key: Any) -> str:
    return re.sub(r"[\W_]+", "_", str(key).strip()).strip("_").lower()
