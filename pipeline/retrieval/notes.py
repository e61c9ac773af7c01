"""Notes, which are spans with a text about them, and the parsing of engine replies that cite notes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice, zip_longest

from operators.core.base import Row
from pipeline.retrieval.search import Hit

MOST = 60  # notes in a prompt
_TEXTS_WORDS = 2000  # words of the captions of one part


@dataclass(frozen=True, kw_only=True)
class Note:
    """A span with a text about it: a caption, or what the engine saw in its frames."""

    video_id: str
    uri: str
    start_s: float
    end_s: float
    text: str


def parsed(text: str) -> Row:
    """Return the JSON object in a reply; {} if it has none."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text[text.index("{") : text.rindex("}") + 1])
        if isinstance(found, dict):
            return found
    return {}


def cited(said: Row, notes: Sequence[Note]) -> tuple[Note, ...]:
    """Return the notes that a reply cites by number, from 1; unknown numbers are ignored."""
    cites = said.get("cites")
    numbers = [n for n in cites if isinstance(n, int) and 1 <= n <= len(notes)] if isinstance(cites, list) else []
    return tuple(notes[n - 1] for n in dict.fromkeys(numbers))


def parts_of(rows: Iterable[Row]) -> list[list[Row]]:
    """Divide captions, in order, into parts of about `_TEXTS_WORDS` words."""
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


def best_of(ranked: Sequence[Sequence[Note]]) -> list[Note]:
    """Return the best `MOST` notes of several rankings: the first of each, then the second of each, and so on.

    Args:
        ranked: rankings, each best first.

    Returns:
        Notes ordered by video and time; the video of the best note comes first.
    """
    turns = (note for note in chain.from_iterable(zip_longest(*ranked)) if note is not None)
    best = list(islice(dict.fromkeys(turns), MOST))
    videos = {video_id: i for i, video_id in enumerate(dict.fromkeys(note.video_id for note in best))}
    return sorted(best, key=lambda note: (videos[note.video_id], note.start_s, note.end_s))


def note_of(hit: Hit) -> Note:
    """Convert a hit to a note."""
    return Note(video_id=hit.video_id, uri=hit.uri, start_s=hit.start_s, end_s=hit.end_s, text=hit.text)


def row_note(row: Row) -> Note:
    """Convert a passage to a note."""
    return Note(**{name: row[name] for name in ("video_id", "uri", "start_s", "end_s", "text")})


def shown(said: Row) -> str:
    """Format the arguments of an action in one line."""
    return ", ".join(f"{k} {said[k]!s:.80}" for k in ("video", "query", "start_s", "end_s") if said.get(k))
