"""The captions to score: long captions of an output, or captions in a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operators.core.base import Row

Event = tuple[float, float, str]
"""start_s, end_s, text."""


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A caption and its metadata.

    Attributes:
        video_id: key of its row in the table of scores.
        aliases: further names of its video that references may use: uri, file name, file name without suffix.
        text: the whole text.
        events: its sections with their times; empty if it has none.
        sentences: its sentences with the windows that they cite; None: a caption without citations.
        names: name and aliases of each person and object that operators named.
        grounding: mean support of its sentences, 0 to 1; None if not measured.
        missing: whether the video is known but has no caption.
        content: a hash of everything in the caption that affects scores.
    """

    video_id: str
    aliases: tuple[str, ...] = ()
    duration_s: float | None = None
    text: str = ""
    events: tuple[Event, ...] = ()
    sentences: tuple[tuple[str, tuple[int, ...] | None], ...] = ()
    wanted_words: int | None = None
    names: tuple[tuple[str, tuple[str, ...]], ...] = ()
    grounding: float | None = None
    missing: bool = False
    content: str = ""

    @property
    def narrated_text(self) -> str:
        """Its text in order of time, without the opening, which describes the whole video."""
        return "\n".join(text for _, _, text in self.events) if self.events else self.text


_SUFFIX = re.compile(r"(?<=.)\.[A-Za-z][A-Za-z0-9]{1,4}\Z")  # suffix of a file; "clip.2" is not "clip.1"
COLUMNS = ("video_id", "uri", "duration_s", "caption", "wanted_words", "sections", "names", "content_hash")


def names_of(video_id: str, uri: str) -> tuple[str, ...]:
    """Return the names under which references may know a video."""
    file = uri.rstrip("/").rsplit("/", 1)[-1]
    return tuple(dict.fromkeys([video_id, uri, file, _SUFFIX.sub("", file)]))


def of_row(row: Row) -> Caption:
    """Convert a row of `rows.LONG_CAPTION`."""
    sections = row["sections"] or []
    sentences = [s for section in sections for s in section["sentences"] or []]
    return Caption(
        video_id=row["video_id"],
        aliases=names_of(row["video_id"], row["uri"]),
        duration_s=row["duration_s"],
        text=row["caption"] or "",
        events=tuple((s["start_s"], s["end_s"], s["text"] or "") for s in sections),
        sentences=tuple((s["text"] or "", tuple(s["windows"] or ())) for s in sentences),
        wanted_words=row["wanted_words"],
        names=tuple((n["name"] or "", tuple(n["aliases"] or ())) for n in row["names"] or []),
        grounding=_support(sentences),
        content=row["content_hash"] or "",
    )


def _support(sentences: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the mean support; a sentence without a score counts 1 if it cites a window, else 0, as in the report."""
    values = [
        s["grounding"]["support"]
        if s["grounding"] and s["grounding"]["support"] is not None
        else float(bool(s["windows"]))
        for s in sentences
    ]
    return sum(values) / len(values) if values else None
