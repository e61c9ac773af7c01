"""Marks: the events of a long caption, compared with the script."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.evaluation.exam.events import Event
from pipeline.evaluation.exam.reading import Predicted

FAR_S = 30.0
"""A predicted event may be this far from the true one; then its time is wrong, but it is not invented."""

_AGAIN_S = 15.0  # a repetition within this time is the same event, from two windows


@dataclass(frozen=True, kw_only=True)
class Marks:
    """The marks of one or more long captions.

    Attributes:
        events: events in the script; predicted: those of them that the caption describes.
        invented: predicted events that are not in the script; repeated: true events that are predicted again.
        pairs, ordered: pairs of neighbours in the caption, and those in the true order.
        named, rightly: predicted events with an actor, and those with the right name.
        late_s: sum of the distances between predicted and true times, in seconds.
    """

    events: int = 0
    predicted: int = 0
    invented: int = 0
    repeated: int = 0
    pairs: int = 0
    ordered: int = 0
    named: int = 0
    rightly: int = 0
    late_s: float = 0.0

    def __add__(self, other: Marks) -> Marks:
        return Marks(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    @property
    def recall(self) -> float:
        return self.predicted / self.events if self.events else 1.0

    @property
    def precision(self) -> float:
        """Share of the predicted events that are true."""
        whole = self.predicted + self.invented + self.repeated
        return 1 - self.invented / whole if whole else 1.0

    @property
    def order(self) -> float:
        return self.ordered / self.pairs if self.pairs else 1.0

    @property
    def names(self) -> float:
        return self.rightly / self.named if self.named else 1.0

    @property
    def time_error_s(self) -> float:
        return self.late_s / self.predicted if self.predicted else 0.0

    def row(self) -> dict[str, float | int]:
        """Return the marks for JSON and tables."""
        scores = {name: round(getattr(self, name), 4) for name in ("recall", "precision", "order", "names")}
        return {**vars(self), "late_s": round(self.late_s, 3), **scores, "time_error_s": round(self.time_error_s, 2)}


def mark(predicted: Sequence[Predicted], script: Sequence[Event], kinds: Collection[str] | None = None) -> Marks:
    """Compare the events of a caption with the script.

    An event counts as predicted if its kind and its place or direction match, at most `FAR_S` away; the actor only
    affects `names`. Details that a caption leaves open (a cut to an unnamed place) are not counted against it.

    Args:
        kinds: kinds of events that count on both sides; None: all.
    """
    said = [t for t in predicted if kinds is None or t.event.kind in kinds]
    true = [e for e in script if kinds is None or e.kind in kinds]
    pair = _aligned([t.event for t in said], true)
    taken = set(pair.values())
    fits = [
        (_wrong_names(t.event, e), abs(t.event.middle_s - e.middle_s), i, j)
        for i, t in enumerate(said)
        if i not in pair
        for j, e in enumerate(true)
        if _fit(t.event, e)
    ]
    for _, _, i, j in sorted(fits):  # two windows may describe neighbours in reverse order
        if i not in pair and j not in taken:
            pair[i] = j
            taken.add(j)
    again = {i for wrong, away, i, j in fits if i not in pair and not wrong and away <= _AGAIN_S}
    row = [true[pair[i]] for i in range(len(said)) if i in pair]
    named = [(said[i].event, true[j]) for i, j in pair.items() if true[j].who and said[i].event.who]
    return Marks(
        events=len(true),
        predicted=len(pair),
        invented=len(said) - len(pair) - len(again),
        repeated=len(again),
        pairs=max(0, len(row) - 1),
        ordered=sum(a.middle_s <= b.middle_s for a, b in pairwise(row)),
        named=len(named),
        rightly=sum(not _wrong_names(a, b) for a, b in named),
        late_s=sum(abs(said[i].event.middle_s - true[j].middle_s) for i, j in pair.items()),
    )


def _aligned(predicted: Sequence[Event], true: Sequence[Event]) -> dict[int, int]:
    """Return matching pairs of indices, in order of time on both sides: as many as possible, then as near and as well
    named as possible; by dynamic programming, as in sequence alignment."""
    order = sorted(range(len(predicted)), key=lambda i: (predicted[i].middle_s, i))
    best = [[0.0] * (len(true) + 1) for _ in range(len(order) + 1)]
    for a in range(len(order) - 1, -1, -1):
        event, row, below = predicted[order[a]], best[a], best[a + 1]
        for j in range(len(true) - 1, -1, -1):
            row[j] = max(row[j + 1], below[j])
            if _fit(event, true[j]):
                row[j] = max(row[j], below[j + 1] + _worth(event, true[j]))
    pairs: dict[int, int] = {}
    a = j = 0
    while a < len(order) and j < len(true):
        event = predicted[order[a]]
        if _fit(event, true[j]) and best[a][j] == best[a + 1][j + 1] + _worth(event, true[j]):
            pairs[order[a]] = j
            a, j = a + 1, j + 1
        elif best[a][j] == best[a + 1][j]:
            a += 1
        else:
            j += 1
    return pairs


def _worth(predicted: Event, true: Event) -> float:
    """Return the value of a pair: above a half, so that two pairs are worth more than one."""
    away = abs(predicted.middle_s - true.middle_s) / FAR_S
    return 1.0 - 0.1 * min(2, _wrong_names(predicted, true)) - 0.2 * away


def _fit(predicted: Event, true: Event) -> bool:
    return abs(predicted.middle_s - true.middle_s) <= FAR_S and _same(predicted, true)


def _same(predicted: Event, true: Event) -> bool:
    return predicted.kind == true.kind and (predicted.where is None or predicted.where == true.where)


def _wrong_names(predicted: Event, true: Event) -> int:
    return sum(
        getattr(predicted, k) is not None and getattr(predicted, k) != getattr(true, k) for k in ("who", "whom", "size")
    )
