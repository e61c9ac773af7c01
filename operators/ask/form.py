"""Convert the `fields` of a recipe to a pydantic model that guides the engine and parses its answer.

    fields:
      title: "text: a few words"
      shot: [close-up, medium shot, wide shot]   # one of these
      subjects: [{name: text, looks: text}]      # a list of objects
      faces: integer

Types are `text`, `integer`, `number` and `boolean`; the text after a colon describes the field to the engine.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from operators.cleaning.forms import read_form

_TYPES: dict[str, type] = {"text": str, "integer": int, "number": float, "boolean": bool}
_WORD = re.compile(r"(text|integer|number|boolean)(?::\s*(.*))?", re.S)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# without limits in the grammar, a model that loops would never finish
_MOST_CHARACTERS = 2000
_MOST_ITEMS = 32
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a field may have the name of a method of BaseModel
        try:
            return create_model(name, __config__=ConfigDict(extra="forbid", protected_namespaces=()), **found)
        except (NameError, TypeError) as error:
            raise ValueError(f"fields: {error}") from error


def _annotation(name: str, kind: Any, depth: int) -> Any:
    if depth > _MOST_DEPTH:
        raise ValueError(f"fields are nested deeper than {_MOST_DEPTH} levels")
    if isinstance(kind, str) and (word := _WORD.fullmatch(kind)):
        about = word.group(2)
        most = {"ge": -_MOST_NUMBER, "le": _MOST_NUMBER}
        more: dict[str, Any] = {"text": {"max_length": _MOST_CHARACTERS}, "boolean": {}}.get(word.group(1), most)
        return Annotated[_TYPES[word.group(1)], Field(description=about, **more)]
    if isinstance(kind, Mapping):
        return _model(name.title().replace("_", ""), kind, None, depth + 1)
    if isinstance(kind, list) and len(kind) == 1:
        return Annotated[list[_annotation(name, kind[0], depth + 1)], Field(max_length=_MOST_ITEMS)]  # type: ignore[misc]
    if isinstance(kind, list) and len(kind) > 1 and all(isinstance(word, str) for word in kind):
        return Annotated[Literal[tuple(kind)], BeforeValidator(_nearest(tuple(kind)))]
    allowed = f"{', '.join(_TYPES)}, a list of one of these, a list of words to choose from, or a mapping of fields"
    raise ValueError(f"fields.{name} is {kind!r}; it must be {allowed}")


def _nearest(words: tuple[str, ...]) -> Any:
    plain = {word.casefold().strip(): word for word in words}

    def choose(given: Any) -> Any:
        return plain.get(str(given).casefold().strip(" ."), given)

    return choose


def _about(kind: Any) -> str:
    if isinstance(kind, Mapping):
        return "; ".join(f"{name}: {_about(inner)}" for name, inner in kind.items())
    if isinstance(kind, list) and len(kind) == 1:
        inner = _about(kind[0])
        return f"a list of objects with {inner}" if isinstance(kind[0], Mapping) else f"a list of {inner}"
    if isinstance(kind, list):
        return f"one of {', '.join(kind)}"
    word, _, about = str(kind).partition(":")
    return about.strip() or word
