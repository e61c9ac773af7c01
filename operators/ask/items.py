"""What is asked about: the items of a row with their spans and frames."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from operators.core.base import ItemError, Row
from operators.core.grid import Span
from operators.engines.base import Picture


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing to ask about.

    Attributes:
        index: among all of its row.
        value: the item; JSON in its `fields` is read. Empty where the row itself is asked about.
        span: in s; that of the row, where the item has no times.
        facts: what was measured around it, as `Facts.dump` writes it: of the segment that holds it.
    """

    index: int
    value: Any
    span: Span
    facts: str | None = None


def items_of(row: Row, path: Sequence[str]) -> list[Item]:
    """The items at `path`, those of nested lists one after the other; without a path the row itself.

    Raises:
        ItemError: class `invalid`: there is no list.
    """
    whole = Span(row.get("start_s") or 0.0, row["end_s"] if row.get("end_s") is not None else row["duration_s"])
    if not path:
        return [Item(index=0, value={}, span=whole, facts=_facts(row))]
    return [
        Item(index=k, value=readable(value), span=_span(value, around), facts=facts)
        for k, (value, around, facts) in enumerate(_walk(row, list(path), whole, "", _facts(row)))
    ]


def _facts(holder: Any, otherwise: str | None = None) -> str | None:
    found = holder.get("facts") if isinstance(holder, dict) else None
    return found if isinstance(found, str) else otherwise


def _walk(
    holder: Any, path: list[str], around: Span, above: str, facts: str | None
) -> Iterator[tuple[Any, Span, str | None]]:
    name, *rest = path
    values = holder.get(name) if isinstance(holder, dict) else None
    if values is None:
        return
    if not isinstance(values, list):
        raise ItemError("invalid", f"{above}{name} is no list, so that there are no items to ask about")
    for value in values:
        if rest:
            yield from _walk(value, rest, _span(value, around), f"{above}{name}.", _facts(value, facts))
        else:
            yield value, around, _facts(value, facts)


def _span(value: Any, around: Span) -> Span:
    if not isinstance(value, dict):
        return around
    start_s = value.get("start_s", value.get("time_s"))
    if start_s is None:
        return around
    end_s = value.get("end_s")
    return Span(start_s, max(start_s, end_s if end_s is not None else start_s))


def readable(value: Any) -> Any:
    """A value for a template: where `fields` is JSON, what it holds."""
    if isinstance(value, list):
        return [readable(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: value[key] for key in value}
    text = found.get("fields")
    if isinstance(text, str):
        with suppress(ValueError):
            found["fields"] = json.loads(text)
    return {key: readable(item) if isinstance(item, list | dict) else item for key, item in found.items()}


def frames_of(pictures: Sequence[Picture], span: Span, most: int) -> tuple[Picture, ...]:
    """At most `most` frames of a span, evenly spaced; where none was taken in it, the last one before it."""
    own = [p for p in pictures if span.start_s <= p.time_s < span.end_s]
    if not own:
        own = [p for p in pictures if p.time_s <= span.start_s][-1:]
    if len(own) > most:
        own = [own[int((k + 0.5) * len(own) / most)] for k in range(most)]
    return tuple(own)


def moments(span: Span, fps: float, most: int) -> list[float]:
    """Times on a grid of `fps` from the start of a span, at most `most` of them, evenly spaced."""
    count = max(1, int((span.end_s - span.start_s) * fps + 1e-6))
    times = [span.start_s + k / fps for k in range(count)]
    return times if count <= most else [times[int((k + 0.5) * count / most)] for k in range(most)]
