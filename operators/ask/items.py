"""The items of a row that are asked about, with their spans and frames."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from operators.core.base import ItemError, Row
from operators.core.grid import Span
from operators.engines.base import FrameImage


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item to ask about.

    Attributes:
        index: index among all items of the row.
        value: the item; JSON in its `fields` is parsed. Empty if the row itself is the item.
        span: span in s; the span of the row if the item has no times.
        facts: measurements around it as JSON of `Facts.dump`, from the segment that contains it.
    """

    index: int
    value: Any
    span: Span
    facts: str | None = None


def items_of(row: Row, path: Sequence[str]) -> list[Item]:
    """Return the items at `path`, concatenated for nested lists; without a path, the row itself.

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
        raise ItemError("invalid", f"{above}{name} is not a list, so there are no items to ask about")
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
    """Return a value for a template, with the JSON in `fields` parsed."""
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


def frames_of(images: Sequence[FrameImage], span: Span, most: int) -> tuple[FrameImage, ...]:
    """Return at most `most` frames of a span, evenly spaced.

    If there is none in it, return the last one before it if that is known to be on screen when the span starts; what
    an earlier frame shows may end before the span. A span without a length is a time: the last frame before it counts.
    """
    own = [p for p in images if span.start_s <= p.time_s < span.end_s]
    if not own:
        before = [p for p in images if p.time_s <= span.start_s][-1:]
        moment = span.end_s <= span.start_s
        own = [p for p in before if (moment if p.until_s is None else p.until_s > span.start_s)]
    if len(own) > most:
        own = [own[int((k + 0.5) * len(own) / most)] for k in range(most)]
    return tuple(own)


def moments(span: Span, fps: float, most: int) -> list[float]:
    """Return at most `most` times in a span, evenly spaced, on a grid of `fps` from its start."""
    count = max(1, int((span.end_s - span.start_s) * fps + 1e-6))
    times = [span.start_s + k / fps for k in range(count)]
    return times if count <= most else [times[int((k + 0.5) * count / most)] for k in range(most)]
