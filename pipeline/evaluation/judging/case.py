"""One caption with the truth about its video, as protocols see it, and the result of a protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol as Shape

from operators.core.text import clock
from operators.language.sentences import split_sentences
from pipeline.evaluation.judging.asking import Ask, Values
from pipeline.evaluation.scores.captions import Caption, Event
from pipeline.evaluation.scores.references import Reference
from pipeline.evaluation.scores.truth import NOTHING, SCOPES, KeyPoint, Span, Truth

FAILED = "failed"
MISSING = "missing"
"""Labels for items without a valid answer and for videos without a caption. Both stay in every denominator."""


class Asking(Shape):
    """Asks a judge: returns id -> values, None for an item without a valid answer."""

    def __call__(self, asks: Sequence[Ask]) -> dict[str, Values | None]: ...


@dataclass(frozen=True)
class Line:
    """A sentence of a caption; times are None if the caption gives none."""

    id: str
    text: str
    span: Span | None


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One judged item.

    Attributes:
        id: id of the item, the same for all judges.
        metric: the metric to whose mean it contributes.
        label: the judge's label.
        value: 0 to 1 (or on the metric's own scale); None if the metric does not count it.
        position: relative position of its time in the video, 0 to 1; None without a time.
        group: skill, aspect or dimension; "" for none.
        scope: within-event, between-event or long-term; None if unknown.
    """

    id: str
    metric: str
    label: str
    value: float | None
    position: float | None = None
    group: str = ""
    scope: str | None = None


@dataclass(frozen=True)
class Found:
    """The values and units that a protocol found for one caption."""

    metrics: Mapping[str, float | None] = field(default_factory=dict)
    units: tuple[Unit, ...] = ()


@dataclass(frozen=True)
class Case:
    """A caption, its references and their truth."""

    caption: Caption
    references: tuple[Reference, ...] = ()

    @property
    def captioned(self) -> bool:
        """Whether there is a caption to judge."""
        return not self.caption.missing and bool(self.caption.text.strip())

    @cached_property
    def truth(self) -> Truth:
        return sum((r.truth for r in self.references), NOTHING)

    @property
    def duration_s(self) -> float | None:
        return self.caption.duration_s or next((r.duration_s for r in self.references if r.duration_s), None)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The sentences of the caption: those of the opening, which have no time, then those of the sections."""
        parts: list[tuple[str, Span | None]] = []
        events = " ".join(text for _, _, text in self.caption.events)
        if self.caption.events:
            parts += [(t, None) for t in split_sentences(self.caption.text) if t not in events]
            parts += [(t, (s, e)) for s, e, text in self.caption.events for t in split_sentences(text)]
        else:
            parts += [(t, None) for t in split_sentences(self.caption.text)]
        return tuple(Line(f"s{k}", text, span) for k, (text, span) in enumerate(parts, 1))

    @cached_property
    def material(self) -> str:
        return numbered(self.lines)

    @cached_property
    def reference_text(self) -> str:
        return "\n".join(r.text for r in self.references if r.text)

    @cached_property
    def true_sentences(self) -> tuple[tuple[str, Span | None], ...]:
        """True sentences, with times if known, from the first reference with a text."""
        reference = next((r for r in self.references if r.text), None)
        if reference is None:
            return ()
        if any(text for _, _, text in reference.events):
            return tuple((t, (s, e)) for s, e, text in _sorted(reference.events) for t in split_sentences(text))
        return tuple((text, None) for text in split_sentences(reference.text))

    def position(self, spans: Iterable[Span]) -> float | None:
        """Return the relative position of the middle of some spans in the video, 0 to 1."""
        some = list(spans)
        if not some or not self.duration_s:
            return None
        middle = (min(s for s, _ in some) + max(e for _, e in some)) / 2
        return min(1.0, max(0.0, middle / self.duration_s))

    def scope(self, spans: Sequence[Span]) -> str | None:
        """Return how far spans reach: within one true event, across neighbouring events, or farther."""
        events = next((_sorted(r.events) for r in self.references if r.events), None)
        if not spans or not events:
            return None
        touched = {k for k, (s, e, _) in enumerate(events) for a, b in spans if (a < e and b > s) or s <= a == b < e}
        if not touched:
            return None
        return SCOPES[min(2, max(touched) - min(touched))]


def key_points_of(case: Case) -> tuple[KeyPoint, ...]:
    """Return the key points of the references, else the sentences of the first reference with a text."""
    return case.truth.key_points or tuple(KeyPoint(text, (), span) for text, span in case.true_sentences)


def numbered(lines: Iterable[Line]) -> str:
    """Format sentences for a judge."""
    return "\n".join(
        f"[{line.id}{f' {clock(line.span[0])}-{clock(line.span[1])}' if line.span else ''}] {line.text}"
        for line in lines
    )


def share(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are not None; None if there are none."""
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def f1(precision: float | None, recall: float | None) -> float | None:
    if precision is None or recall is None:
        return None
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _sorted(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda e: (e[0], e[1]))
