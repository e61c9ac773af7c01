"""Notes: spans and what is known of them, on which answers rest; and what an engine writes about them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from operators.core.base import Row
from pipeline.retrieval.search import Hit

_TEXTS_WORDS = 2000  # captions of one part


@dataclass(frozen=True, kw_only=True)
class Note:
    """A span, and what is known of it: a caption, or what the engine saw in its frames."""

    video_id: str
    uri: str
    start_s: float
    end_s: float
    text: str


def parsed(text: str) -> Row:
    """The JSON object in an answer; {} where there is none."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text[text.index("{") : text.rindex("}") + 1])
        if isinstance(found, dict):
            return found
    return {}


def cited(said: Row, notes: Sequence[Note]) -> tuple[Note, ...]:
    """The notes that an answer cites by number, from 1; numbers of no note do not count."""
    cites = said.get("cites")
    numbers = [n for n in cites if isinstance(n, int) and 1 <= n <= len(notes)] if isinstance(cites, list) else []
    return tuple(notes[n - 1] for n in dict.fromkeys(numbers))


def parts_of(rows: Iterable[Row]) -> list[list[Row]]:
    """Captions in order, in parts of about `_TEXTS_WORDS` words."""
    parts: list[list[Row]] = []
    words = 0
    for row in rows:
        count = len(row["text"].split())
        if not parts or words + count > _TEXTS_WORDS:
            parts.append([])
            words = 0
        parts[-1].append(row)
        words += count
    return parts


def note_of(hit: Hit) -> Note:
    """The note of a moment that was found."""
    return Note(video_id=hit.video_id, uri=hit.uri, start_s=hit.start_s, end_s=hit.end_s, text=hit.text)


def row_note(row: Row) -> Note:
    """The note of a passage."""
    return Note(**{name: row[name] for name in ("video_id", "uri", "start_s", "end_s", "text")})


def shown(said: Row) -> str:
    """What an action was asked for, in one line."""
    return ", ".join(f"{k} {said[k]!s:.80}" for k in ("video", "query", "start_s", "end_s") if said.get(k))
