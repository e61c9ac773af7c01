"""Scores of events: which true events a caption has, in what order, when, in which words, and with which polarity.

Predicted and true events are aligned in order of time, as many as match: similar words, at most a minute apart. Each
metric then measures one aspect only, so a caption with one kind of fault loses in one metric.
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
_FAR_SHARE = 1 / 3  # distance, as a share of the video, from which an order counts as long-term
_LEAST = 0.4  # least cosine of the words of two events that match
_AWAY = 0.3  # cosine that the greatest distance costs: less than the value of two matched events
_NOT = re.compile(r"\b(?:not|no|never|nobody|nothing|none|without|neither|nor)\b|n['’]t\b", re.IGNORECASE)
# negates a whole sentence without describing anything
_UNTRUE = re.compile(
    r"\b(?:it|this|that)(?:\s+(?:is|was)|['’]s)\s+(?:(?:not|never)\s+(?:true|so|right|the\s+case)|false|untrue)(?:\s+that)?\b"
    r"|\b(?:it|this|that)\s+(?:isn|wasn)['’]t\s+(?:true|so|right|the\s+case)(?:\s+that)?\b",
    re.IGNORECASE,
)
_SO = re.compile(r"so\b")  # whole word only, since "so" begins and ends many words


def denies(text: str) -> bool:
    """Whether a text contains a word of negation."""
    return bool(_NOT.search(text) or (_may_be_untrue(text) and _UNTRUE.search(text)))


def without_denial(text: str) -> str:
    """Remove "it is not true that": negation is measured as polarity, not as words."""
    return _UNTRUE.sub(" ", text) if _may_be_untrue(text) else text


def _may_be_untrue(text: str) -> bool:
    """A fast test before `_UNTRUE`, which is slow: False only if it matches nothing."""
    if not text.isascii():
        return True
    low = text.lower()
    return "true" in low or "false" in low or "right" in low or "case" in low or _SO.search(low) is not None


def alike(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the cosine of two sets of words."""
    return len(a & b) / math.sqrt(len(a) * len(b)) if a and b else 0.0


def likeness(words: Sequence[frozenset[str]], others: Sequence[frozenset[str]]) -> Floats:
    """Return `alike` of each pair, shape (words, others)."""
    places: dict[str, int] = {}
    masks, other_masks = ([_mask(some, places) for some in side] for side in (words, others))
    shared = np.array([[(a & b).bit_count() for b in other_masks] for a in masks], dtype=np.float64)
    sizes = [np.array([len(some) for some in side], dtype=np.float64) for side in (words, others)]
    found: Floats = shared.reshape(len(words), len(others)) / np.sqrt(np.maximum(np.outer(*sizes), 1))
    return found


def _mask(words: frozenset[str], places: dict[str, int]) -> int:
    """Encode a set as the bits of one integer, whose intersections take a tenth of the time."""
    found = 0
    for word in words:
        if (bit := places.get(word)) is None:
            bit = places[word] = 1 << len(places)
        found |= bit
    return found


def aligned(predicted: Floats, true: Floats, alike: Floats) -> Floats:
    """Return the matched pairs of events (predicted, true, similarity), shape (n, 3).

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
    """Return, of pairs of events at least a third of the video apart, the share predicted in the true order.

    Args:
        starts: true times, in the order in which they are predicted.
        end_s: end of the last true event.

    Returns:
        None if no two events are that far apart.
    """
    times = np.asarray(starts)
    later = times[None, :] - times[:, None]  # for the pair (predicted first, predicted later)
    pairs = np.triu(np.abs(later) >= end_s * _FAR_SHARE, 1)
    return float((later[pairs] > 0).mean()) if pairs.any() else None


def by_tenth(pairs: Floats, true: Sequence[Event], duration_s: float) -> list[int]:
    """Count matched true events, then all true events, by the tenth of the video that contains their middle."""
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
    """Return scores by name; those of matched pairs are None if there are none.

    Args:
        predicted, true: in order of time.
        places: position of each predicted event in the caption.
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
