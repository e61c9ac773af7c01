"""Convert the `fields` of a recipe to a pydantic model that guides the engine and parses its answer.

    fields:
      title: "text: a few words"
      shot: [close-up, medium shot, wide shot]   # one of these
      subjects: [{name: text, looks: text}]      # a list of objects, at most 32
      chapters: [{start_s: number, title: text}, most: 200]
      faces: integer
      score: "number: 0 to 1, how sure it is"    # with bounds
      end_s: "number?: where it ends"            # may be null

Types are `text`, `integer`, `number` and `boolean`; the text after a colon describes the field to the engine. If the
description of a number begins with `A to B`, other numbers are refused. An integer, number or boolean with a question
mark may be null.
"""

from __future__ import annotations

import json
import re
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from operators.cleaning.forms import read_form

_TYPES: dict[str, type] = {"text": str, "integer": int, "number": float, "boolean": bool}
_WORD = re.compile(r"(text|(?:integer|number|boolean)(?P<null>\?)?)(?::\s*(.*))?", re.S)
_BOUNDS = re.compile(r"(-?\d+(?:\.\d+)?) to (-?\d+(?:\.\d+)?)(?![\w.])")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# without limits in the grammar, a model that loops would never finish
_BUILDING = threading.Lock()  # warning filters are the process's: of two threads, the last would restore the first's
_MOST_CHARACTERS = 2000
_MOST_ITEMS = 32
_MOST_OF_ALL = 1000  # items that `most` may allow
_MOST_NUMBER = 10**9
_MOST_DEPTH = 4


@dataclass(frozen=True, kw_only=True)
class Form:
    """A structured answer.

    Attributes:
        model: pydantic model of the answers.
        text: name of the field that is the text; None if no field is a text.
        about: the fields in plain English, for a prompt.
    """

    model: type[BaseModel]
    text: str | None
    about: str

    @cached_property
    def schema(self) -> str:
        """Return the JSON Schema as text."""
        return json.dumps(self.model.model_json_schema(), sort_keys=True)

    def read(self, answer: str) -> BaseModel:
        """Parse an answer.

        Raises:
            ValueError: the answer does not have this form.
        """
        return read_form(answer, self.model)

    def prose(self, read: BaseModel) -> str:
        """Return the text of an answer that the gates check."""
        return str(getattr(read, self.text)) if self.text else "Yes."


def form_of(fields: Mapping[str, Any], text: str | None = None) -> Form:
    """Return the form for the `fields` of a recipe.

    Args:
        text: name of the field that is the answer's text; None: the first text field.

    Raises:
        ValueError: in one line, the invalid field and what is allowed.
    """
    return _form(json.dumps(fields), text)


@lru_cache(maxsize=64)
def _form(fields: str, text: str | None) -> Form:
    asked: dict[str, Any] = json.loads(fields)
    texts = [name for name, kind in asked.items() if isinstance(kind, str) and kind.partition(":")[0] == "text"]
    if text is not None and text not in texts:
        raise ValueError(f"text is {text!r}; it must be a field of type text: {', '.join(texts) or 'there is none'}")
    main = text or (texts[0] if texts else None)
    return Form(model=_model("Answer", asked, main, 0), text=main, about=_about(asked))


def _model(name: str, fields: Mapping[str, Any], main: str | None, depth: int) -> type[BaseModel]:
    found: dict[str, Any] = {}
    for key, kind in fields.items():
        if not _NAME.fullmatch(str(key)):
            raise ValueError(f"fields: {key!r} is not a valid field name; use lower-case letters, digits and _")
        annotation = _annotation(str(key), kind, depth)
        found[key] = (Annotated[annotation, Field(min_length=1)] if key == main else annotation, ...)
    if not found:
        raise ValueError("fields: an object has no field")
    with _BUILDING, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a field may have the name of a method of BaseModel
        try:
            return create_model(name, __config__=ConfigDict(extra="forbid", protected_namespaces=()), **found)
        except (NameError, TypeError) as error:
            raise ValueError(f"fields: {error}") from error


def _annotation(name: str, kind: Any, depth: int) -> Any:
    if depth > _MOST_DEPTH:
        raise ValueError(f"fields are nested deeper than {_MOST_DEPTH} levels")
    if isinstance(kind, str) and (word := _WORD.fullmatch(kind)):
        return _value(name, word.group(1).rstrip("?"), word.group(3), null=bool(word["null"]))
    if isinstance(kind, Mapping):
        return _model(name.title().replace("_", ""), kind, None, depth + 1)
    if _is_list(kind):
        most = _most(name, kind)
        return Annotated[list[_annotation(name, kind[0], depth + 1)], Field(max_length=most)]  # type: ignore[misc]
    if isinstance(kind, list) and len(kind) > 1 and all(isinstance(word, str) for word in kind):
        return Annotated[Literal[tuple(kind)], BeforeValidator(_nearest(tuple(kind)))]
    allowed = f"{', '.join(_TYPES)}, a list of one of these, a list of words to choose from, or a mapping of fields"
    if isinstance(kind, str) and kind.partition(":")[0] == "text?":
        allowed = "text without a question mark: a text may be empty"
    raise ValueError(f"fields.{name} is {kind!r}; it must be {allowed}")


def _value(name: str, kind: str, about: str | None, *, null: bool) -> Any:
    bounds: dict[str, Any] = {"max_length": _MOST_CHARACTERS} if kind == "text" else {}
    if kind in ("integer", "number"):
        bounds = _bounds(name, about)
    if null:
        return Annotated[Annotated[_TYPES[kind], Field(**bounds)] | None, Field(description=about)]
    return Annotated[_TYPES[kind], Field(description=about, **bounds)]


def _bounds(name: str, about: str | None) -> dict[str, Any]:
    found = _BOUNDS.match(about or "")
    if found is None:
        return {"ge": -_MOST_NUMBER, "le": _MOST_NUMBER}
    low, high = (json.loads(number) for number in found.groups())
    if low > high:
        raise ValueError(f"fields.{name}: the range {found[0]!r} is empty; write the lower number first")
    return {"ge": low, "le": high}


def _is_list(kind: Any) -> bool:
    """Whether it is a list of one type, such as `[text]` or `[text, most: 50]`."""
    return isinstance(kind, list) and (len(kind) == 1 or (len(kind) == 2 and _names_most(kind)))


def _names_most(kind: list[Any]) -> bool:
    return isinstance(kind[1], Mapping) and set(kind[1]) == {"most"}


def _most(name: str, kind: list[Any]) -> int:
    most = kind[1]["most"] if len(kind) == 2 else _MOST_ITEMS
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= _MOST_OF_ALL:
        raise ValueError(f"fields.{name}: most is {most!r}; it must be a whole number from 1 to {_MOST_OF_ALL}")
    return most


def _nearest(words: tuple[str, ...]) -> Any:
    plain = {word.casefold().strip(): word for word in words}

    def choose(given: Any) -> Any:
        return plain.get(str(given).casefold().strip(" ."), given)

    return choose


def _about(kind: Any) -> str:
    if isinstance(kind, Mapping):
        return "; ".join(f"{name}: {_about(inner)}" for name, inner in kind.items())
    if _is_list(kind):
        inner = _about(kind[0])
        return f"a list of objects with {inner}" if isinstance(kind[0], Mapping) else f"a list of {inner}"
    if isinstance(kind, list):
        return f"one of {', '.join(kind)}"
    word, _, about = str(kind).partition(":")
    return about.strip() or word.rstrip("?")
