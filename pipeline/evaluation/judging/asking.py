"""One request to a judge, and how its answer is checked.

A request asks one thing of several items. Items have ids, and so do the sentences of the caption: the judge answers
with ids and labels, never with copied text, which models change a little. An answer counts only where it has every
item once and each value is one that was allowed.
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
_MOST_CHARACTERS = 2000  # of a free answer

Values = dict[str, Any]
Schema = Mapping[str, Any]


def label(*allowed: str) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(allowed)}


def number(low: int, high: int) -> Schema:
    """A whole number of a range."""
    return {"type": "integer", "minimum": low, "maximum": high}


TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": _MOST_CHARACTERS}
TEXTS: Schema = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": _MOST_CHARACTERS}}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request.

    Attributes:
        prompt: name of its prompt file.
        items: id -> text, in order.
        fields: what is asked of each item: name -> JSON Schema, of `label`, `number`, `TEXT` or `TEXTS`.
        material: what the judge reads, such as the numbered sentences of a caption.
        values: what else the prompt needs.
    """

    prompt: str
    items: Mapping[str, str]
    fields: Mapping[str, Schema]
    material: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def schema(self) -> str:
        """JSON Schema of the answer, as text."""
        names = ["id", *self.fields]
        properties = {"id": {"type": "string", "enum": list(self.items)}, **self.fields}
        item = {"type": "object", "properties": properties, "required": names, "additionalProperties": False}
        answers = {"type": "array", "items": item, "minItems": len(self.items), "maxItems": len(self.items)}
        whole = {"type": "object", "properties": {"answers": answers}, "required": ["answers"]}
        return json.dumps({**whole, "additionalProperties": False}, sort_keys=True)

    @property
    def labels(self) -> list[str]:
        """Fields whose values are labels or numbers: two answers can agree on them."""
        return [name for name, schema in self.fields.items() if "enum" in schema or schema["type"] == "integer"]

    @property
    def labelled(self) -> bool:
        return bool(self.labels)

    @cached_property
    def text(self) -> str:
        """The rendered prompt."""
        return prompt(self.prompt).render(items=self.items, material=self.material, **self.values).text

    def read(self, text: str) -> dict[str, Values]:
        """Id -> its values.

        Raises:
            ValueError: an item is missing, there twice, or unknown; or a value is none of those allowed.
        """
        found: dict[str, Values] = {}
        for name, said in _listed(read_json(text), self.items, self.fields):
            if name not in self.items:
                raise ValueError(f"it answers {name[:40]!r}, which was not asked")
            values = {key: _checked(key, said.get(key), schema) for key, schema in self.fields.items()}
            if found.setdefault(name, values) != values:
                raise ValueError(f"it answers {name} twice, and not the same")
        missing = [name for name in self.items if name not in found]
        if missing:
            raise ValueError(f"it does not answer {', '.join(missing[:5])}")
        return found

    def parts(self) -> list[Ask]:
        """The same in two halves; one item is in one piece."""
        names = list(self.items)
        halves = [names[: len(names) // 2], names[len(names) // 2 :]]
        return [
            Ask(prompt=self.prompt, items={n: self.items[n] for n in half}, fields=self.fields, material=self.material,
                values=self.values)
            for half in halves if half
        ]  # fmt: skip


def batches(items: Mapping[str, str], size: int) -> list[dict[str, str]]:
    """Items in order, so many at a time."""
    names = list(items)
    return [{n: items[n] for n in names[k : k + size]} for k in range(0, len(names), size)]


@lru_cache(maxsize=32)
def prompt(name: str) -> Prompt:
    """A prompt that ships with Longcap."""
    return load_prompt(str(_PROMPTS / f"{name}.j2"))


def _listed(value: Any, items: Mapping[str, str], fields: Mapping[str, Schema]) -> list[tuple[str, Values]]:
    """(id, values) of each answer, in the forms that models give: a list, with or without an object around it, or an
    object with the ids as names."""
    if isinstance(value, dict) and isinstance(value.get("answers"), list | dict):
        value = value["answers"]
    if isinstance(value, dict):
        if len(items) == 1 and set(fields) <= set(value):  # one answer, without a list
            value = [{"id": next(iter(items)), **value}]
        else:
            only = next(iter(fields)) if len(fields) == 1 else None
            pairs = [(key, said if isinstance(said, dict) else {only: said}) for key, said in value.items()]
            value = [{"id": key, **said} for key, said in pairs]
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError("the answers are no list of objects")
    return [(str(one.get("id", "")).strip(" []<>\"'"), one) for one in value]


def _checked(name: str, value: Any, schema: Schema) -> Any:
    if "enum" in schema:
        said = re.sub(r"[\s_]+", " ", str(value)).strip(" .!\"'").lower()
        for allowed in schema["enum"]:
            if said == str(allowed).lower():
                return allowed
        raise ValueError(f"{name} is {str(value)[:40]!r}; allowed are {', '.join(schema['enum'][:8])}")
    if schema["type"] == "integer":
        if isinstance(value, str) and re.fullmatch(r"\s*-?\d+(\.0+)?\s*", value):
            value = float(value)
        low, high = schema["minimum"], schema["maximum"]
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
        if not whole or not low <= value <= high:
            raise ValueError(f"{name} is {str(value)[:40]!r}; it must be a whole number from {low} to {high}")
        return int(value)
    if schema["type"] == "array":
        listed: Sequence[Any] = [value] if isinstance(value, str) else value if isinstance(value, list) else [None]
        if not all(isinstance(one, str) for one in listed):
            raise ValueError(f"{name} is no list of texts")
        return [one.strip()[:_MOST_CHARACTERS] for one in listed if one.strip()]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is no text")
    return value.strip()[:_MOST_CHARACTERS]
