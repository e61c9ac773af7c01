"""Which true events a caption tells, in what order, when, in which words, and whether it denies them.

Predicted and true events are aligned in order of their times, as many as fit: their words are alike, and they are not
more than a minute apart. Each metric then looks at one thing only, so that a caption with one kind of fault loses one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from pipeline.evaluation.scores.captions import Event
from pipeline.evaluation.scores.spans import Floats, in_order

FAR_S = 60.0
NEAR_S = 5.0
TENTHS = 10
_FAR_SHARE = 1 / 3  # of the video, from which on an order is one of the long term
_LEAST = 0.4  # cosine of the words, from which two events may be one
_AWAY = 0.3  # what the greatest distance costs, in cosine: less than two events that are predicted are worth
_NOT = re.compile(r"\b(?:not|no|never|nobody|nothing|none|without|neither|nor)\b|n['’]t\b", re.IGNORECASE)
# says of a whole sentence that it does not hold, and nothing of what is seen
_UNTRUE = re.compile(
    r"\b(?:it|this|that)(?:\s+(?:is|was)|['’]s)\s+(?:(?:not|never)\s+(?:true|so|right|the\s+case)|false|untrue)(?:\s+that)?\b"
    r"|\b(?:it|this|that)\s+(?:isn|wasn)['’]t\s+(?:true|so|right|the\s+case)(?:\s+that)?\b",
    re.IGNORECASE,
)


def denies(text: str) -> bool:
    """Whether a text has a word of denial."""
    return bool(_NOT.search(text) or _UNTRUE.search(text))


def without_denial(text: str) -> str:
    """A text without "it is not true that": whether it is denied is polarity, and no word of what it tells."""
    return _UNTRUE.sub(" ", text)


def alike(a: frozenset[str], b: frozenset[str]) -> float:
    """Cosine of two sets of words."""
    return len(a & b) / math.sqrt(len(a) * len(b)) if a and b else 0.0


def likeness(words: Sequence[frozenset[str]], others: Sequence[frozenset[str]]) -> Floats:
    """`alike` of each pair, shape (words, others)."""
    places: dict[str, int] = {}
    masks, other_masks = ([_mask(some, places) for some in side] for side in (words, others))
    shared = np.array([[(a & b).bit_count() for b in other_masks] for a in masks], dtype=np.float64)
    sizes = [np.array([len(some) for some in side], dtype=np.float64) for side in (words, others)]
    found: Floats = shared.reshape(len(words), len(others)) / np.sqrt(np.maximum(np.outer(*sizes), 1))
    return found


def _mask(words: frozenset[str], places: dict[str, int]) -> int:
    """A set as bits of one integer, whose intersections take a tenth of the time."""
    found = 0
    for word in words:
        if (bit := places.get(word)) is None:
            bit = places[word] = 1 << len(places)
        found |= bit
    return found


def aligned(predicted: Floats, true: Floats, alike: Floats) -> Floats:
    """Pairs (predicted, true, likeness), shape (n, 3), of events that are one.

    Args:
        predicted, true: spans in order of time, shapes (a, 2) and (b, 2).
        alike: `likeness` of the stems of their texts, shape (a, b).
    """
    if not len(predicted) or not len(true):
        return np.zeros((0, 3))
    away = np.abs(predicted.mean(axis=1)[:, None] - true.mean(axis=1)[None, :])
    near = np.where(away <= FAR_S, alike, 0.0)
    worth = np.where(near >= _LEAST, near - _AWAY * away / FAR_S, 0.0)
    best = np.zeros((len(predicted) + 1, len(true) + 1))
    for i, row in enumerate(worth):
        best[i + 1, 1:] = np.maximum(best[i, 1:], best[i, :-1] + row)
        best[i + 1] = np.maximum.accumulate(best[i + 1])
    pairs = []
    i, j = len(predicted), len(true)
    while i and j:
        if best[i, j] == best[i, j - 1]:
            j -= 1
        elif best[i, j] == best[i - 1, j]:
            i -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j, near[i, j]))
    return np.array(pairs[::-1], dtype=np.float64).reshape(-1, 3)


def far_order(starts: Sequence[float], end_s: float) -> float | None:
    """Of pairs of events at least a third of the video apart, the share of which the earlier one is predicted first.

    Args:
        starts: true times, in the order in which they are predicted.
        end_s: of the last true event.

    Returns:
        None where no two are so far apart.
    """
    times = np.asarray(starts)
    later = times[None, :] - times[:, None]  # of the pair (predicted first, predicted later)
    pairs = np.triu(np.abs(later) >= end_s * _FAR_SHARE, 1)
    return float((later[pairs] > 0).mean()) if pairs.any() else None


def by_tenth(pairs: Floats, true: Sequence[Event], duration_s: float) -> list[int]:
    """True events that are predicted, then all true events, by the tenth of the video that their middle lies in."""
    counts = np.zeros((2, TENTHS), dtype=np.int64)
    predicted = {int(j) for _, j, _ in pairs}
    for k, (start, end, _) in enumerate(true):
        place = min(TENTHS - 1, max(0, int(TENTHS * (start + end) / 2 / duration_s)))
        counts[1, place] += 1
        counts[0, place] += k in predicted
    return counts.ravel().tolist()


def event_scores(
    predicted: Sequence[Event], true: Sequence[Event], pairs: Floats, places: Sequence[int]
) -> dict[str, float | None]:
    """By name; those of pairs are None where nothing true is predicted.

    Args:
        predicted, true: in order of time.
        places: of each predicted event in the caption.
    """
    found: dict[str, float | None] = {
        "event_precision": len(pairs) / len(predicted) if predicted else 0.0,
        "event_recall": len(pairs) / len(true) if true else float(not predicted),
        "event_order": None, "event_order_far": None, "event_times": None, "event_words": None, "event_polarity": None,
    }  # fmt: skip
    if not len(pairs):
        return found
    one = [(predicted[int(i)], true[int(j)]) for i, j, _ in pairs]
    as_predicted = sorted(range(len(one)), key=lambda k: places[int(pairs[k, 0])])
    near = [abs((a[0] + a[1]) - (b[0] + b[1])) / 2 <= NEAR_S for a, b in one]
    agree = [denies(a[2]) == denies(b[2]) for a, b in one]
    return found | {
        "event_order": in_order([one[k][1][0] for k in as_predicted]),
        "event_order_far": far_order([one[k][1][0] for k in as_predicted], max(e for _, e, _ in true)),
        "event_times": sum(near) / len(one),
        "event_words": float(pairs[:, 2].mean()),
        "event_polarity": sum(agree) / len(one),
    }
