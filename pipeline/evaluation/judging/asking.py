"""One request to a judge, and the check of its answer.

A request asks about several items. Items and sentences of the caption have ids, and the judge answers with ids and
labels, never with copied text, which models alter. An answer is valid only if it has every item, none with two
different values, and all values are allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from operators.cleaning.reader import read_json
from operators.prompts import Prompt, load_prompt

_PROMPTS = Path(__file__).parent / "prompts"
_MOST_CHARACTERS = 2000  # characters of a free answer

Values = dict[str, Any]
Schema = Mapping[str, Any]


def label(*allowed: str) -> Schema:
    """Return the schema for one of these words."""
    return {"type": "string", "enum": list(allowed)}


def number(low: int, high: int) -> Schema:
    """Return the schema for a whole number in a range."""
    return {"type": "integer", "minimum": low, "maximum": high}


TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": _MOST_CHARACTERS}
TEXTS: Schema = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": _MOST_CHARACTERS}}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request.

    Attributes:
        prompt: name of the prompt file.
        items: id -> text, in order.
        fields: fields of each item's answer: name -> JSON Schema, of `label`, `number`, `TEXT` or `TEXTS`.
        material: what the judge reads, such as the numbered sentences of a caption.
        values: further values for the prompt.
    """

    prompt: str
    items: Mapping[str, str]
    fields: Mapping[str, Schema]
    material: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def schema(self) -> str:
        """The JSON Schema of the answer, as text."""
        names = ["id", *self.fields]
        properties = {"id": {"type": "string", "enum": list(self.items)}, **self.fields}
        item = {"type": "object", "properties": properties, "required": names, "additionalProperties": False}
        answers = {"type": "array", "items": item, "minItems": len(self.items), "maxItems": len(self.items)}
        whole = {"type": "object", "properties": {"answers": answers}, "required": ["answers"]}
        return json.dumps({**whole, "additionalProperties": False}, sort_keys=True)

    @property
    def labels(self) -> list[str]:
        """Fields whose values are labels or numbers, for which two answers can agree."""
        return [name for name, schema in self.fields.items() if "enum" in schema or schema["type"] == "integer"]

    @property
    def labelled(self) -> bool:
        return bool(self.labels)

    @cached_property
    def text(self) -> str:
        """The rendered prompt."""
        return prompt(self.prompt).render(items=self.items, material=self.material, **self.values).text

    def read(self, text: str) -> dict[str, Values]:
        """Parse an answer: id -> values.

        Raises:
            ValueError: an item is missing, unknown, or repeated with other values, or a value is not allowed.
        """
        found: dict[str, Values] = {}
        for name, said in _listed(read_json(text, _object), self.items, self.fields):
            if name not in self.items:
                raise ValueError(f"the answer has {name[:40]!r}, which was not asked")
            values = {key: _checked(key, said.get(key), schema) for key, schema in self.fields.items()}
            if found.setdefault(name, values) != values:
                raise ValueError(f"the answer has {name} twice with different values")
        missing = [name for name in self.items if name not in found]
        if missing:
            raise ValueError(f"the answer lacks {', '.join(missing[:5])}")
        return found

    def parts(self) -> list[Ask]:
        """Divide the request into two halves; a request of one item is not divided."""
        names = list(self.items)
        halves = [names[: len(names) // 2], names[len(names) // 2 :]]
        return [
            Ask(prompt=self.prompt, items={n: self.items[n] for n in half}, fields=self.fields, material=self.material,
                values=self.values)
            for half in halves if half
        ]  # fmt: skip


def batches(items: Mapping[str, str], size: int) -> list[dict[str, str]]:
    """Divide items into batches of `size`, in order."""
    names = list(items)
    return [{n: items[n] for n in names[k : k + size]} for k in range(0, len(names), size)]


@lru_cache(maxsize=32)
def prompt(name: str) -> Prompt:
    """Load a prompt that ships with Longcap."""
    return load_prompt(str(_PROMPTS / f"{name}.j2"))


def _listed(value: Any, items: Mapping[str, str], fields: Mapping[str, Schema]) -> list[tuple[str, Values]]:
    """Return (id, values) of each answer, given as a list, as a list within an object, or as an object by id."""
    if isinstance(_once(value), dict) and isinstance(value.get("answers"), list | dict):
        value = value["answers"]
    if isinstance(_once(value), dict):
        if len(items) == 1 and set(fields) <= set(value):  # one answer, without a list
            value = [{"id": next(iter(items)), **value}]
        else:
            only = next(iter(fields)) if len(fields) == 1 else None
            pairs = [(key, said if isinstance(_once(said), dict) else {only: said}) for key, said in value.items()]
            value = [{"id": key, **said} for key, said in pairs]
    if not isinstance(value, list) or not all(isinstance(_once(one), dict) for one in value):
        raise ValueError("the answers must be a list of objects")
    return [(str(one.get("id", "")).strip(" []<>\"'"), one) for one in value]


class _Ambiguous(dict[str, Any]):
    """Stands for an object of an answer that has the name `twice` with different values."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    twice = [name for name, value in pairs if found[name] != value] if len(found) < len(pairs) else []
    return _Ambiguous(twice=twice[0]) if twice else found


def _once(value: Any) -> Any:
    """Return a value as it is. Raises `ValueError` if it is an object that has a name twice with different values."""
    if isinstance(value, _Ambiguous):
        raise ValueError(f"the answer has {str(value['twice'])[:40]} twice with different values")
    return value


def _checked(name: str, value: Any, schema: Schema) -> Any:
    if "enum" in schema:
        said = re.sub(r"[\s_]+", " ", str(value)).strip(" .!\"'").lower()
        for allowed in schema["enum"]:
            if said == str(allowed).lower():
                return allowed
        raise ValueError(f"{name} is {str(value)[:40]!r}; allowed are {', '.join(schema['enum'][:8])}")
    if schema["type"] == "integer":
        if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,15}(\.0{1,15})?\s*", value):
            value = float(value)
        low, high = schema["minimum"], schema["maximum"]
        count = isinstance(value, int | float) and not isinstance(value, bool)
        if not count or not low <= value <= high or value != int(value):  # in this order: infinity has no int
            raise ValueError(f"{name} is {str(value)[:40]!r}; it must be a whole number from {low} to {high}")
        return int(value)
    if schema["type"] == "array":
        listed: Sequence[Any] = [value] if isinstance(value, str) else value if isinstance(value, list) else [None]
        if not all(isinstance(one, str) for one in listed):
            raise ValueError(f"{name} must be a list of texts")
        return [one.strip()[:_MOST_CHARACTERS] for one in listed if one.strip()]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be a text")
    return value.strip()[:_MOST_CHARACTERS]
