"""What is scored: a long caption of an output, or a caption of a file."""

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
    """A caption and what is known of it.

    Attributes:
        video_id: names its row in the table of scores.
        aliases: other names of its video, under which references may know it: uri, file name, the same without suffix.
        text: of all of it.
        events: sections with their times; empty where it has none.
        sentences: each with the windows that it cites; None: a caption without citations.
        names: name and aliases of each person and thing that operators named.
        grounding: mean support of its sentences, 0 to 1; None where nobody measured it.
        missing: the video is known and has no caption.
        content: a hash of all that is scored here.
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
        """Its text in order of time: without the opening, which tells of all of the video."""
        return "\n".join(text for _, _, text in self.events) if self.events else self.text


_SUFFIX = re.compile(r"(?<=.)\.[A-Za-z][A-Za-z0-9]{1,4}\Z")  # of a file; "clip.2" is another name than "clip.1"
COLUMNS = ("video_id", "uri", "duration_s", "caption", "wanted_words", "sections", "names", "content_hash")


def names_of(video_id: str, uri: str) -> tuple[str, ...]:
    """Under which names references may know a video."""
    file = uri.rstrip("/").rsplit("/", 1)[-1]
    return tuple(dict.fromkeys([video_id, uri, file, _SUFFIX.sub("", file)]))


def of_row(row: Row) -> Caption:
    """From a row of `rows.LONG_CAPTION`."""
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
    """Mean support; a sentence without a score counts 1 where it cites a window, else 0, as in the report."""
    values = [
        s["grounding"]["support"]
        if s["grounding"] and s["grounding"]["support"] is not None
        else float(bool(s["windows"]))
        for s in sentences
    ]
    return sum(values) / len(values) if values else None
