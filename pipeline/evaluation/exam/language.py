"""The exam's small language: one plain sentence per event, and its parser. Both directions are exact."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pipeline.evaluation.exam.events import COLOURS, PLACES, SHAPES, SIDES, SIZES, WAYS, WORDS, Event, Kind

NOTHING = "Nothing happens."
MARGINS_S = (1.25, 2.25)
"""Seconds that a window of 10 s leaves to its neighbours at each end: an event is in the captions of the windows whose
inner part contains its middle. At a stride of 5 s each event is well inside one window; some are in two."""

_SENTENCES: dict[Kind, str] = {
    "enter": "A {size} {who} enters from the {where}.",
    "leave": "The {who} leaves to the {where}.",
    "move": "The {who} moves {where}.",
    "grow": "The {who} grows.",
    "shrink": "The {who} shrinks.",
    "meet": "The {who} meets the {whom}.",
    "pan": "The camera pans {where}.",
    "zoom": "The camera zooms {where}.",
    "cut": "The scene cuts to a {where} place.",
    "fade": "The scene fades to a {where} place.",
    "night": "Night falls.",
    "day": "Day breaks.",
    "word": "The word {where} appears.",
}


def sentence(event: Event) -> str:
    """Return the sentence of an event."""
    return _SENTENCES[event.kind].format(size=event.size, who=event.who, where=event.where, whom=event.whom)


def window_events(events: Iterable[Event], start_s: float, end_s: float) -> list[Event]:
    """Return the events that the caption of the window `[start_s, end_s)` describes."""
    before, behind = MARGINS_S
    return [e for e in events if start_s + before <= e.middle_s < end_s - (behind if end_s - start_s > 9 else 0)]


def caption(events: Sequence[Event]) -> str:
    """Return some events as one caption, in order."""
    return " ".join(map(sentence, events)) or NOTHING


def _any(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(words)})"


_NAME = rf"{_any(COLOURS)} {_any(SHAPES)}"
_WHERE: dict[Kind, Iterable[str]] = {
    **{"enter": SIDES, "leave": SIDES, "move": WAYS, "pan": SIDES[:2], "zoom": ("in", "out")},
    **{"cut": PLACES, "fade": PLACES, "word": WORDS},
}
_PATTERNS = {
    kind: re.compile(
        text.removesuffix(".").format(
            size=f"(?P<size>{_any(SIZES)})",
            who=f"(?P<who>{_NAME})",
            whom=f"(?P<whom>{_NAME})",
            where=f"(?P<where>{_any(_WHERE.get(kind, ()))})",
        )
    )
    for kind, text in _SENTENCES.items()
}


def read_sentence(text: str, start_s: float, end_s: float) -> Event | None:
    """Parse a sentence as an event with the given times; None if it is not in the language."""
    bare = text.strip().removesuffix(".")
    for kind, pattern in _PATTERNS.items():
        found = pattern.fullmatch(bare)
        if found:
            return Event(kind=kind, start_s=start_s, end_s=end_s, **found.groupdict())
    return None


def read_caption(text: str, start_s: float = 0.0, end_s: float = 0.0) -> Iterator[Event]:
    """Yield the events of a caption in order; sentences that are not in the language are skipped."""
    for part in re.split(r"(?<=\.)\s+", text.strip()):
        event = read_sentence(part, start_s, end_s)
        if event is not None:
            yield event
