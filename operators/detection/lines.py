"""Describe detections as lines of evidence: counts, positions and relations of objects.

Video-RAG puts such lines into prompts. One line covers the time in which the detections stay equal; a difference in a
single frame between equal neighbours is ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from operators.core.base import Row
from operators.detection.detectors.base import Found

_PLACED = 4  # objects whose position a line gives, the largest first
_THIRDS = (1 / 3, 2 / 3)
_IRREGULAR = {"person": "people", "mouse": "mice", "knife": "knives", "child": "children"}
_EQUAL = frozenset({"sheep", "skis", "scissors"})  # singular and plural are equal

Frame = tuple[float, float, Sequence[Found]]
"""(start_s, end_s, detections)."""


def lines_of(frames: Sequence[Frame]) -> list[Row]:
    """Return the items of consecutive frames: `start_s`, `end_s`, `text`, `confidence` (mean score)."""
    seen = _steady([_signature(found) for _, _, found in frames])
    made: list[Row] = []
    for signature, group in groupby(range(len(frames)), key=lambda k: seen[k]):
        some = list(group)
        if not signature:
            continue
        chosen = next((k for k in _from_middle(some) if _signature(frames[k][2]) == signature), some[0])
        found = frames[chosen][2]
        scores = [thing.score for thing in found]
        made.append(
            {
                "start_s": frames[some[0]][0],
                "end_s": frames[some[-1]][1],
                "text": describe(found),
                "confidence": sum(scores) / len(scores) if scores else 0.0,
            }
        )
    return made


def describe(found: Sequence[Found]) -> str:
    """Return a line such as "2 people, a dog; a dog at the lower left; a dog left of a person"."""
    counts = Counter(thing.label for thing in found)
    first = ", ".join(_counted(label, n) for label, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    boxed = sorted((t for t in found if t.box is not None), key=lambda t: (-_area(t), t.label, t.box))[:_PLACED]
    places = [f"{_a(t.label)} {_place(t)}" for t in boxed]
    pairs = [(a, b) for k, a in enumerate(boxed) for b in boxed[k + 1 :] if a.label != b.label]
    relations = [relation for a, b in pairs if (relation := _relation(b, a))]
    return "; ".join(dict.fromkeys([first, *places, *relations]))


def _steady(signatures: list[tuple[tuple[str, int], ...]]) -> list[tuple[tuple[str, int], ...]]:
    """Return signatures in which a single frame between two equal ones is replaced by them."""
    made = list(signatures)
    for k in range(1, len(signatures) - 1):
        if made[k - 1] == signatures[k + 1]:  # as before: a single differing frame gets the neighbours' signature
            made[k] = made[k - 1]
    return made


def _signature(found: Sequence[Found]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(thing.label for thing in found).items()))


def _from_middle(some: Sequence[int]) -> list[int]:
    middle = some[len(some) // 2]
    return sorted(some, key=lambda k: (abs(k - middle), k))


def _counted(label: str, count: int) -> str:
    return _a(label) if count == 1 else f"{count} {_plural(label)}"


def _a(label: str) -> str:
    return f"{'an' if label[:1].lower() in 'aeiou' else 'a'} {label}"


def _plural(label: str) -> str:
    if label in _IRREGULAR or label in _EQUAL:
        return _IRREGULAR.get(label, label)
    return f"{label}es" if label.endswith(("s", "x", "ch", "sh")) else f"{label}s"


def _middle(thing: Found) -> tuple[float, float]:
    assert thing.box is not None
    left, top, right, bottom = thing.box
    return (left + right) / 2, (top + bottom) / 2


def _area(thing: Found) -> float:
    assert thing.box is not None
    left, top, right, bottom = thing.box
    return (right - left) * (bottom - top)


def _place(thing: Found) -> str:
    x, y = _middle(thing)
    down = "upper" if y < _THIRDS[0] else "lower" if y > _THIRDS[1] else ""
    across = "left" if x < _THIRDS[0] else "right" if x > _THIRDS[1] else ""
    if not down and not across:
        return "in the centre"
    return " ".join(["at the", *([down] if down else []), across or "middle"])


def _relation(one: Found, other: Found) -> str | None:
    """Return the position of `one` relative to `other`, if the boxes show it clearly."""
    assert one.box is not None and other.box is not None
    a, b = one.box, other.box
    said = None
    if a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3]:
        said = "within the outline of"
    elif a[2] <= b[0]:
        said = "left of"
    elif a[0] >= b[2]:
        said = "right of"
    elif a[3] <= b[1]:
        said = "above"
    elif a[1] >= b[3]:
        said = "below"
    return f"{_a(one.label)} {said} {_a(other.label)}" if said else None
