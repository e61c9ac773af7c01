"""Parse a long caption: the events that it describes, and the times that it gives for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from operators.core.base import Row
from operators.core.grid import Grid
from pipeline.evaluation.exam.events import Event
from pipeline.evaluation.exam.language import read_sentence

_CLOCK = r"(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)"
_HEAD = re.compile(rf"^(?:From|Between) {_CLOCK} (?:to|and) {_CLOCK}:? ", re.IGNORECASE)
_MOMENT = re.compile(rf"^(?:At|Around) {_CLOCK}:? ", re.IGNORECASE)
_UNTIL = re.compile(rf"^(?:Until|Up to) {_CLOCK}:? ", re.IGNORECASE)
_SAYS: tuple[tuple[str, str | None, str], ...] = (
    ("pan", "left", r"\bthe camera (?:slowly |quickly )?[^.;]*\bpans left"),
    ("pan", "right", r"\bthe camera (?:slowly |quickly )?[^.;]*\bpans right"),
    ("zoom", "in", r"\bthe camera [^.;]*\b(?:zooms in|closes in)"),
    ("zoom", "out", r"\bthe camera [^.;]*\b(?:zooms out|draws back)"),
    ("cut", None, r"\bthe shot changes|\ba new shot begins|\bthere is a cut|\bdissolves into"),
    (
        "fade",
        None,
        r"\bfades to black|\bfades in from black|\bcomes out of the black|\bthe picture (?:goes|turns) black",
    ),
    ("night", None, r"\b(?:grows darker|darkens)"),
    ("day", None, r"\b(?:grows lighter|brightens)"),
)
"""How the built-in engine words events: kind, where, and a pattern (`operators.engines.template`)."""

MEASURED = frozenset(kind for kind, _, _ in _SAYS)
"""Kinds of events that it can describe."""


@dataclass(frozen=True)
class Predicted:
    """An event that a caption describes.

    Attributes:
        event: the event, with the times that the caption names, or those of the windows that its sentence cites.
        sentence: index of its sentence in the long caption.
    """

    event: Event
    sentence: int


Sentences = Callable[[str, float, float], Iterator[Event]]
"""A sentence and its time -> the events that it describes."""


def read(row: Row, grid: Grid, sentences: Sentences | None = None) -> list[Predicted]:
    """Return the events of a long caption (`rows.LONG_CAPTION`) in its order; the opening only repeats some of them.

    Args:
        sentences: parses a sentence; None: for the small language and the built-in engine.
    """
    read_one = sentences or _events
    predicted: list[Predicted] = []
    number = 0
    for section in row["sections"]:
        named: tuple[float, float] | None = None
        last: list[int] = []
        for sentence in section["sentences"]:
            text, span = _time(sentence["text"], section["start_s"])
            if span is not None:
                named = span
            elif list(sentence["windows"]) != last:
                named = None
            last = list(sentence["windows"])
            start_s, end_s = named or _of_windows(sentence["windows"], grid)
            predicted += [Predicted(e, number) for e in read_one(text, start_s, end_s)]
            number += 1
    return predicted


def _events(text: str, start_s: float, end_s: float) -> Iterator[Event]:
    event = read_sentence(text[:1].upper() + text[1:], start_s, end_s)
    if event is not None:
        yield event
        return
    for kind, where, words in _SAYS:
        if re.search(words, text, re.IGNORECASE):
            yield Event(kind=kind, start_s=start_s, end_s=end_s, where=where)  # type: ignore[arg-type]


def _time(text: str, section_s: float) -> tuple[str, tuple[float, float] | None]:
    """Split a sentence into the time with which it begins, and the rest."""
    if found := _HEAD.match(text):
        groups = found.groups()
        return text[found.end() :], (_seconds(groups[:3]), _seconds(groups[3:]))
    if found := _MOMENT.match(text):
        at = _seconds(found.groups())
        return text[found.end() :], (at, at)
    if found := _UNTIL.match(text):
        return text[found.end() :], (section_s, _seconds(found.groups()))
    return text, None


def _of_windows(windows: Sequence[int], grid: Grid) -> tuple[float, float]:
    """Return the span of the first run of neighbouring windows."""
    if not windows:
        return 0.0, grid.duration_s
    last = windows[0]
    for window in windows[1:]:
        if window != last + 1:
            break
        last = window
    return grid.window(windows[0]).start_s, grid.window(last).end_s


def _seconds(groups: Sequence[str | None]) -> float:
    hours, minutes, seconds = (int(g or 0) for g in groups)
    return hours * 3600.0 + minutes * 60 + seconds


def moved(predicted: Predicted, seconds: float) -> Predicted:
    """Return the same event, later by `seconds`."""
    e = predicted.event
    return replace(predicted, event=replace(e, start_s=e.start_s + seconds, end_s=e.end_s + seconds))
