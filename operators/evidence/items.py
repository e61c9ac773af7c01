"""Evidence beside speech, as plain data: one text with a half-open span, from the columns that operators write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operators.reading.lines import joined

_LEAST_S = 0.5  # of an item that must lie in a span, or half of it where it is shorter; the same as for speech

Column = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A piece of evidence.

    Attributes:
        start_s, end_s: where it holds, half-open, seconds from the first presented frame.
        kind: what it is called in a prompt.
        confidence: 0 to 1; of items that nothing else tells apart the surer one is chosen.
    """

    start_s: float
    end_s: float
    kind: str
    text: str
    confidence: float = 1.0

    def stands_in(self, start_s: float, end_s: float) -> bool:
        """Whether half a second of it, or half of it, lies in `[start_s, end_s)`."""
        inside = min(end_s, self.end_s) - max(start_s, self.start_s)
        return inside > 0 and inside >= min(_LEAST_S, (self.end_s - self.start_s) / 2) - 1e-6


_ROLES = {"painted": "text on screen", "scrolling": "scrolling text", "subtitle": "subtitle on screen"}


def _screen_text(column: Column) -> list[Item]:
    return [
        Item(
            start_s=i["start_s"],
            end_s=i["end_s"],
            kind=_ROLES.get(i["role"], _ROLES["painted"]),
            text=i["text"],
            confidence=i["confidence"],
        )
        for i in joined(dict(i) for i in column)
    ]


def _objects(column: Column) -> list[Item]:
    return [
        Item(
            start_s=i["start_s"],
            end_s=i["end_s"],
            kind="objects seen by a detector",
            text=i["text"],
            confidence=i["confidence"],
        )
        for i in column
    ]


KINDS: dict[str, Callable[[Column], list[Item]]] = {"screen_text": _screen_text, "objects": _objects}
"""Column -> its items."""

COLUMNS = frozenset({"speech", *KINDS})
"""Columns that are evidence, where a row brings them."""


def items_of(row: Mapping[str, Any]) -> tuple[Item, ...]:
    """The items that a row brings beside speech, in order of time."""
    found = [item for column, read in KINDS.items() for item in read(row.get(column) or ())]
    return tuple(sorted(found, key=lambda i: (i.start_s, i.end_s, i.kind, i.text)))
