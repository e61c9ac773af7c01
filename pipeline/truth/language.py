"""The little language: one plain sentence for each event, and back. Exact both ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pipeline.truth.events import COLOURS, PLACES, SHAPES, SIDES, SIZES, WAYS, WORDS, Event

NOTHING = "Nothing happens."
MARGINS_S = (1.25, 2.25)
"""What a window of 10 s leaves to its neighbours, at its beginning and its end: an event is told by the windows that
hold its middle in between. At a stride of 5 s each event is well inside one window, and some are told by two."""

_ENTERS = {"left": "from the left", "right": "from the right", "top": "from the top", "bottom": "from the bottom"}


def sentence(event: Event) -> str:
    """An event as a sentence."""
    who = f"The {event.who}"
    match event.kind:
        case "enter":
            return f"A {event.size} {event.who} enters {_ENTERS[event.where or '']}."
        case "leave":
            return f"{who} leaves to the {event.where}."
        case "move":
            return f"{who} moves {event.where}."
        case "grow":
            return f"{who} grows."
        case "shrink":
            return f"{who} shrinks."
        case "meet":
            return f"{who} meets the {event.whom}."
        case "pan":
            return f"The camera pans {event.where}."
        case "zoom":
            return f"The camera zooms {event.where}."
        case "cut":
            return f"The scene cuts to a {event.where} place."
        case "fade":
            return f"The scene fades to a {event.where} place."
        case "night":
            return "Night falls."
        case "day":
            return "Day breaks."
        case "word":
            return f"The word {event.where} appears."


def window_events(events: Iterable[Event], start_s: float, end_s: float) -> list[Event]:
    """The events that the window `[start_s, end_s)` tells."""
    before, behind = MARGINS_S
    return [e for e in events if start_s + before <= e.middle_s < end_s - (behind if end_s - start_s > 9 else 0)]


def caption(events: Sequence[Event]) -> str:
    """Some events as one caption, in order."""
    return " ".join(map(sentence, events)) or NOTHING


def _any(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(words)})"


_NAME = rf"{_any(COLOURS)} {_any(SHAPES)}"
_PATTERNS = {
    kind: re.compile(pattern)
    for kind, pattern in (
        ("enter", rf"An? (?P<size>{_any(SIZES)}) (?P<who>{_NAME}) enters from the (?P<where>{_any(SIDES)})"),
        ("leave", rf"The (?P<who>{_NAME}) leaves to the (?P<where>{_any(SIDES)})"),
        ("move", rf"The (?P<who>{_NAME}) moves (?P<where>{_any(WAYS)})"),
        ("grow", rf"The (?P<who>{_NAME}) grows"),
        ("shrink", rf"The (?P<who>{_NAME}) shrinks"),
        ("meet", rf"The (?P<who>{_NAME}) meets the (?P<whom>{_NAME})"),
        ("pan", r"The camera pans (?P<where>left|right)"),
        ("zoom", r"The camera zooms (?P<where>in|out)"),
        ("cut", rf"The scene cuts to a (?P<where>{_any(PLACES)}) place"),
        ("fade", rf"The scene fades to a (?P<where>{_any(PLACES)}) place"),
        ("night", r"Night falls"),
        ("day", r"Day breaks"),
        ("word", rf"The word (?P<where>{_any(WORDS)}) appears"),
    )
}


def read_sentence(text: str, start_s: float, end_s: float) -> Event | None:
    """The event that a sentence tells of, with the times given; None where it is none of the language."""
    bare = text.strip().removesuffix(".")
    for kind, pattern in _PATTERNS.items():
        found = pattern.fullmatch(bare)
        if found:
            return Event(kind=kind, start_s=start_s, end_s=end_s, **found.groupdict())  # type: ignore[arg-type]
    return None


def read_caption(text: str, start_s: float = 0.0, end_s: float = 0.0) -> Iterator[Event]:
    """The events of a caption in order; sentences that tell of none are passed over."""
    for part in re.split(r"(?<=\.)\s+", text.strip()):
        event = read_sentence(part, start_s, end_s)
        if event is not None:
            yield event
