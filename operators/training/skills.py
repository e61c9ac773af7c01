"""Questions about the order and the times of events, each with an answer that follows from the spans alone.

A skill takes a `Film` and yields questions. Events whose texts may be mistaken for each other are never asked about,
and "before" and "after" are only said of events whose spans do not overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from random import Random

from operators.training.timeline import Event, Span, apart, clock, distinct, line

_TRIES = 40  # to draw a question that fits
_LISTED = 3  # events whose order is asked for: six possible answers


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An answer that is offered; `spans` where it is an event or a time."""

    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question.

    Attributes:
        choices: the right one first; empty: the answer is free text.
        about: spans of the events that the question names.
        evidence: spans that the answer rests on.
    """

    text: str
    answer: str
    choices: tuple[Choice, ...] = ()
    about: tuple[Span, ...] = ()
    evidence: tuple[Span, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Film:
    """What is known of a video.

    Attributes:
        events: in order of time.
        lines: what is said in it: spans and texts; empty where no table of speech is a parent.
        summary: the long caption.
        options: how many choices a question has.
    """

    events: tuple[Event, ...]
    duration_s: float
    draw: Random
    options: int = 4
    lines: tuple[Event, ...] = ()
    summary: str = ""
    opening: str = ""

    @cached_property
    def clear(self) -> list[Event]:
        """Events that none other may be mistaken for."""
        return distinct(self.events)

    @cached_property
    def chain(self) -> list[Event]:
        """Those of them that do not overlap, in order."""
        return apart([e for e in self.clear if len(e.spans) == 1])


Skill = Callable[[Film], Iterator[Question]]


def first(film: Film) -> Iterator[Question]:
    """Which of some events comes first."""
    for some in _groups(film, film.options):
        yield _picked("Which of these happens first in the video?", min(some, key=_start), some)


def last(film: Film) -> Iterator[Question]:
    """Which of some events comes last."""
    for some in _groups(film, film.options):
        yield _picked("Which of these happens last in the video?", max(some, key=_start), some)


def after(film: Film) -> Iterator[Question]:
    """Which of some events is the next one after a given one."""
    for some in _groups(film, film.options + 1):
        chain = sorted(some, key=_start)
        k = film.draw.randrange(len(chain) - 1)
        rest = [e for e in chain if e is not chain[k]]
        yield _picked(f"Which of these happens next after this: {quoted(chain[k])}?", chain[k + 1], rest, [chain[k]])


def before(film: Film) -> Iterator[Question]:
    """Which of some events is the nearest one before a given one."""
    for some in _groups(film, film.options + 1):
        chain = sorted(some, key=_start)
        k = film.draw.randrange(1, len(chain))
        rest = [e for e in chain if e is not chain[k]]
        yield _picked(
            f"Which of these is the last to happen before this: {quoted(chain[k])}?", chain[k - 1], rest, [chain[k]]
        )


def between(film: Film) -> Iterator[Question]:
    """Which of some events comes between two others."""
    for some in _groups(film, film.options + 2):
        chain = sorted(some, key=_start)
        k = film.draw.randrange(1, len(chain) - 1)
        ends = [chain[k - 1], chain[k + 1]]
        text = f"Which of these happens between this: {quoted(ends[0])}, and this: {quoted(ends[1])}?"
        yield _picked(text, chain[k], [e for e in chain if e not in ends], ends)


def order(film: Film) -> Iterator[Question]:
    """The order of three events."""
    for some in _groups(film, _LISTED):
        listed = film.draw.sample(some, len(some))
        right = [listed.index(e) + 1 for e in sorted(some, key=_start)]
        others = [list(p) for p in permutations(range(1, len(listed) + 1)) if list(p) != right]
        wrong = film.draw.sample(others, min(film.options - 1, len(others)))
        names = "; ".join(f"({n}) {e.text.rstrip('.')}" for n, e in enumerate(listed, 1))
        choices = tuple(Choice(text=", ".join(map(str, p))) for p in (right, *wrong))
        yield Question(
            text=f"In which order do these happen? {names}.",
            answer=choices[0].text,
            choices=choices,
            about=tuple(e.spans[0] for e in listed),
            evidence=tuple(e.spans[0] for e in sorted(some, key=_start)),
        )


def count(film: Film) -> Iterator[Question]:
    """How many of some events come before another one."""
    for some in _groups(film, film.options + 1):
        mark = film.draw.choice(some)
        rest = film.draw.sample([e for e in some if e is not mark], len(some) - 1)
        number = sum(e.start_s < mark.start_s for e in rest)
        wrong = film.draw.sample([n for n in range(len(rest) + 1) if n != number], film.options - 1)
        names = "; ".join(f"({n}) {e.text.rstrip('.')}" for n, e in enumerate(rest, 1))
        yield Question(
            text=f"How many of these happen before this: {quoted(mark)}? {names}.",
            answer=str(number),
            choices=tuple(Choice(text=str(n)) for n in (number, *wrong)),
            about=tuple(e.spans[0] for e in (mark, *rest)),
            evidence=(mark.spans[0], *(e.spans[0] for e in rest)),
        )


def at(film: Film) -> Iterator[Question]:
    """What happens at a time: a question that refers to a moment by its time, a whole second as it is written."""
    for right in film.draw.sample(film.clear, len(film.clear)):
        start, end = film.draw.choice(right.spans)
        time_s = max(math.floor((start + end) / 2), math.ceil(start))
        if time_s >= end:
            continue  # it has no whole second
        wrong = [e for e in film.clear if not e.covers(time_s)]
        if len(wrong) >= film.options - 1:
            some = [right, *film.draw.sample(wrong, film.options - 1)]
            yield _picked(f"What happens in the video at {clock(time_s)}?", right, some, [], ((start, end),))


def when(film: Film) -> Iterator[Question]:
    """When something happens: a question that refers to a moment by what is seen."""
    # an event within one second as clocks write it would be shown as no span, beside another one that contains it
    chain = [e for e in film.chain if clock(e.start_s) != clock(e.end_s)]
    for right in film.draw.sample(chain, len(chain)):
        wrong = [e for e in chain if e is not right and not right.meets(e)]
        if len(wrong) >= film.options - 1:
            some = [right, *film.draw.sample(wrong, film.options - 1)]
            choices = tuple(Choice(text=shown(e.spans[0]), spans=e.spans) for e in some)
            if len({c.text for c in choices}) == len(choices):
                yield Question(
                    text=f"When does this happen: {quoted(right)}?",
                    answer=choices[0].text,
                    choices=choices,
                    about=right.spans,
                    evidence=right.spans,
                )


def said(film: Film) -> Iterator[Question]:
    """What is seen while something is said: a question that refers to a moment by the speech."""
    for spoken in film.draw.sample(distinct(film.lines), len(distinct(film.lines))):
        middle_s = (spoken.start_s + spoken.end_s) / 2
        right = [e for e in film.clear if e.covers(middle_s)]
        wrong = [e for e in film.clear if not e.meets(spoken)]
        if len(right) == 1 and len(wrong) >= film.options - 1:
            some = [right[0], *film.draw.sample(wrong, film.options - 1)]
            yield _picked(f"What is seen while somebody says {quoted(spoken)}?", right[0], some, [spoken])


def describe(film: Film) -> Iterator[Question]:
    """What happens in a span, in free words; the question names the whole seconds within the event."""
    for event in film.draw.sample(film.clear, len(film.clear)):
        start, end = math.ceil(event.start_s), math.floor(event.end_s)
        if len(event.spans) == 1 and start < end:
            text = f"What happens from {clock(start)} to {clock(end)}?"
            yield Question(text=text, answer=event.text, about=event.spans, evidence=event.spans)


def summary(film: Film) -> Iterator[Question]:
    """What the whole video shows, in free words; the short answer is the opening of the long caption."""
    whole = ((0.0, film.duration_s),)
    if film.summary:
        yield Question(text="Describe the whole video in detail.", answer=film.summary, evidence=whole)
    if film.opening and film.opening != film.summary:
        yield Question(text="Summarise the video in one paragraph.", answer=film.opening, evidence=whole)


SKILLS: dict[str, Skill] = {
    f.__name__: f for f in (first, last, after, before, between, order, count, at, when, said, describe, summary)
}
"""name -> what asks for it."""


def quoted(event: Event) -> str:
    """An event inside a question."""
    return f"“{line(event.text).rstrip('.')}”"


def shown(span: Span) -> str:
    """A span as an answer."""
    return f"{clock(span[0])} to {clock(span[1])}"


def _start(event: Event) -> float:
    return event.start_s


def _groups(film: Film, size: int) -> Iterator[list[Event]]:
    """Draws so many events that do not overlap, in no order, no set of them twice."""
    seen: set[frozenset[int]] = set()
    for _ in range(_TRIES if len(film.chain) >= size >= 2 else 0):
        picked = film.draw.sample(range(len(film.chain)), size)
        if frozenset(picked) not in seen:
            seen.add(frozenset(picked))
            yield [film.chain[k] for k in picked]


def _picked(
    text: str, right: Event, some: Sequence[Event], about: Sequence[Event] = (), evidence: tuple[Span, ...] = ()
) -> Question:
    wrong = [e for e in some if e is not right]
    return Question(
        text=text,
        answer=right.text,
        choices=tuple(Choice(text=e.text, spans=e.spans) for e in (right, *wrong)),
        about=tuple(span for e in about for span in e.spans),
        evidence=evidence or (*(span for e in about for span in e.spans), *right.spans),
    )
