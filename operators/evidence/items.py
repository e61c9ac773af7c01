"""Evidence other than speech as plain data: a text with a half-open span, from columns that operators write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operators.reading.lines import joined

_LEAST_S = 0.5  # seconds of an item that must be in a span, or half of a shorter item; as for speech

Column = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of evidence.

    Attributes:
        start_s, end_s: its half-open span, seconds from the first presented frame.
        kind: its label in a prompt.
        confidence: 0 to 1; among otherwise equal items the one with the highest is chosen.
    """

    start_s: float
    end_s: float
    kind: str
    text: str
    confidence: float = 1.0

    def stands_in(self, start_s: float, end_s: float) -> bool:
        """Return whether half a second of the item, or half of it, is in `[start_s, end_s)`."""
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
"""Column -> function that returns its items."""

COLUMNS = frozenset({"speech", *KINDS})
"""Columns that hold evidence, if a row has them."""


def items_of(row: Mapping[str, Any]) -> tuple[Item, ...]:
    """Return the evidence of a row other than speech, ordered by time."""
    found = [item for column, read in KINDS.items() for item in read(row.get(column) or ())]
    return tuple(sorted(found, key=lambda i: (i.start_s, i.end_s, i.kind, i.text)))
