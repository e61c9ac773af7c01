"""What a finished video tells and when: its sentences, sections or windows as events, in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from operators.core.base import Row
from operators.language.words import stems

Source = Literal["sentences", "sections", "windows"]
Span = tuple[float, float]

READS: frozenset[str] = frozenset({"video_id", "duration_s", "sections", "captioned"})
"""Columns that `events_of` needs: those of a long caption and of its segments."""

_SAME = 0.6  # share of the stems of both texts together: above it two texts may tell the same
_SEAM_S = 1e-6


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that is narrated of a span.

    Attributes:
        spans: half-open, in seconds, disjoint and in order: one for most, several where the windows that support a
            sentence lie apart.
        topic: of the section; None where the outline gave none.
        support: how well the captions support it, 0 to 1; None: not measured.
        section_index, windows: where it stands and what it rests on.
    """

    text: str
    spans: tuple[Span, ...]
    topic: str | None = None
    support: float | None = None
    section_index: int | None = None
    windows: tuple[int, ...] = ()

    @property
    def start_s(self) -> float:
        return self.spans[0][0]

    @property
    def end_s(self) -> float:
        return self.spans[-1][1]

    def covers(self, time_s: float) -> bool:
        """Whether one of its spans holds a time."""
        return any(start <= time_s < end for start, end in self.spans)

    def meets(self, other: Event) -> bool:
        """Whether spans of both overlap."""
        return any(a < d - _SEAM_S and c < b - _SEAM_S for a, b in self.spans for c, d in other.spans)


def events_of(row: Row, source: Source) -> list[Event]:
    """The events of a video by start and end, those without a text or span left out.

    A sentence has the spans of the windows that support it, or that of its section where none is named. Spans end with
    the video.

    Args:
        row: with the columns of `READS`.
    """
    captioned = row["captioned"] or ()
    windows = {w["window_index"]: w for s in captioned for w in s["windows"] or () if w["valid"]}
    spans = {index: (float(w["start_s"]), float(w["end_s"])) for index, w in windows.items()}
    found: list[Event] = []
    if source == "windows":
        found = [Event(text=w["text"], spans=(spans[k],), windows=(k,)) for k, w in sorted(windows.items())]
    for section in row["sections"] or () if source != "windows" else ():
        whole = (float(section["start_s"]), float(section["end_s"]))
        about = {"topic": section["topic"], "section_index": section["section_index"]}
        said = section["sentences"] or ()
        if source == "sections":
            support = [s for s in map(_support, said) if s is not None]
            mean = sum(support) / len(support) if support else None
            indices = tuple(section["windows"] or ())
            found.append(Event(text=section["text"], spans=(whole,), support=mean, windows=indices, **about))
            continue
        for sentence in said:
            indices = tuple(sentence["windows"] or ())
            own = merged(spans[k] for k in indices if k in spans) or (whole,)
            found.append(Event(text=sentence["text"], spans=own, support=_support(sentence), windows=indices, **about))
    kept = (_within(event, float(row["duration_s"])) for event in found)
    return sorted((e for e in kept if e is not None), key=lambda e: (e.start_s, e.end_s))


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that touch or overlap joined."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + _SEAM_S:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def distinct(events: Sequence[Event]) -> list[Event]:
    """The events that no other one of them may be mistaken for: a question about one has one answer."""
    words = [frozenset(stems(event.text)) for event in events]
    return [
        event
        for k, event in enumerate(events)
        if words[k] and not any(_alike(words[k], other) for j, other in enumerate(words) if j != k)
    ]


def apart(events: Sequence[Event]) -> list[Event]:
    """As many of the events as do not overlap, in order of time: which of two comes first is then certain."""
    found: list[Event] = []
    for event in sorted(events, key=lambda e: (e.end_s, -e.start_s)):
        if not found or event.start_s >= found[-1].end_s - _SEAM_S:
            found.append(event)
    return found


def line(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def clock(seconds: float) -> str:
    """A time as people write it: 1:05, 1:02:03."""
    whole = int(seconds + 0.5)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def _within(event: Event, duration_s: float) -> Event | None:
    spans = tuple((max(0.0, a), min(b, duration_s)) for a, b in event.spans if min(b, duration_s) - max(0.0, a) > 0)
    text = line(event.text or "")
    if not spans or not text:
        return None
    return Event(**{**vars(event), "text": text, "spans": spans})


def _support(sentence: Any) -> float | None:
    scores = sentence.get("grounding") or {}
    found = scores.get("support")
    return None if found is None else float(found)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= _SAME * len(one | other)
