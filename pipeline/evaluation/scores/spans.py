"""Compare spans of time: dense captioning, grounding, summaries.

Spans are `(start_s, end_s)`. A side without spans gives 0, never an error or a value of another video; if neither side
has any, they agree fully.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.scores.overlap import f1

Span = tuple[float, float]
Floats = npt.NDArray[np.float64]

TIOUS = (0.3, 0.5, 0.7, 0.9)
DISTANCES_S = (1, 3, 5, 10, 30, 60)
MOST = 1000
"""Maximum number of spans of a video, as in the evaluator of ActivityNet Captions."""

MOMENT_IOU = 0.3
"""Least IoU of a ranked span with a true moment (MomentSeeker)."""

_THRESHOLDS = np.linspace(0.0, 1.0, 101)


def as_spans(found: Sequence[Span]) -> Floats:
    """Return an array of shape (n, 2), each span from its earlier to its later time; the first `MOST` spans."""
    return np.sort(np.asarray(found, dtype=np.float64).reshape(-1, 2)[:MOST], axis=1)


def tiou(predicted: Floats, true: Floats) -> Floats:
    """Return the IoU of each pair, shape (predicted, true); the union is that of densevid_eval, with its 1e-8."""
    a, b = predicted[:, None, :], true[None, :, :]
    shared = np.maximum(0.0, np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]))
    hull = np.maximum(a[..., 1], b[..., 1]) - np.minimum(a[..., 0], b[..., 0])
    lengths = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0])
    found: Floats = shared / (np.minimum(hull, lengths) + 1e-8)
    return found


def detection(overlap: Floats, threshold: float) -> tuple[float, float]:
    """Return precision and recall: spans whose overlap with the other side is above `threshold`, not at it."""
    return detections(overlap, (threshold,))[threshold]


def detections(overlap: Floats, thresholds: Sequence[float]) -> dict[float, tuple[float, float]]:
    """`detection` by threshold."""
    return {-t: shares for t, shares in _below(-overlap, [-t for t in thresholds]).items()}


def boundaries(predicted: Floats, true: Floats, distance_s: float) -> tuple[float, float]:
    """Return precision and recall of starts less than `distance_s` away, as in VidChapters."""
    return boundaries_within(predicted, true, (distance_s,))[distance_s]


def boundaries_within(
    predicted: Floats, true: Floats, distances_s: Sequence[float]
) -> dict[float, tuple[float, float]]:
    """`boundaries` by distance."""
    return _below(np.abs(predicted[:, None, 0] - true[None, :, 0]), distances_s)


def _below(values: Floats, limits: Sequence[float]) -> dict[float, tuple[float, float]]:
    """Return `covered(values < limit)` of each limit: a row or column has a hit if its minimum is below the limit."""
    if not values.size:
        return {limit: covered(values < limit) for limit in limits}
    rows, columns = values.min(axis=1), values.min(axis=0)
    return {limit: (float((rows < limit).mean()), float((columns < limit).mean())) for limit in limits}


def covered(hits: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the shares of rows and of columns with a hit; both are 1 if there are no rows and no columns."""
    if not hits.shape[0] and not hits.shape[1]:
        return 1.0, 1.0
    if not hits.size:
        return 0.0, 0.0
    return float(hits.any(axis=1).mean()), float(hits.any(axis=0).mean())


def soda(overlap: Floats, texts: Floats | None = None) -> tuple[float, float, float]:
    """Compute SODA: precision, recall and F1 of the best matching that keeps the order of both sides.

    Both sides are in order of time. Dynamic programming maximises the sum S of IoU (SODA_d), or of IoU times the
    similarity of the texts (SODA_c). Precision is S / predicted spans, recall S / true spans (Fujita et al. 2020).

    Args:
        overlap: as from `tiou`, shape (predicted, true).
        texts: similarity of each pair, the same shape; None: SODA_d.
    """
    predicted, true = overlap.shape
    if not predicted and not true:
        return 1.0, 1.0, 1.0
    if not predicted or not true:
        return 0.0, 0.0, 0.0
    gains = overlap if texts is None else overlap * texts
    best = np.zeros(true + 1)
    for row in gains:
        step = best.copy()
        step[1:] = np.maximum(best[1:], best[:-1] + row)
        best = np.maximum.accumulate(step)
    total = float(best[-1])
    return total / predicted, total / true, f1(total / predicted, total / true)


def ordered(found: Sequence[Span]) -> list[int]:
    """Return the indices in order of time, as SODA reads them."""
    return sorted(range(len(found)), key=lambda k: (min(found[k]), max(found[k])))[:MOST]


# -- several ranges that are one answer --------------------------------------------------------------------------------


def merged(spans: Floats) -> Floats:
    """Merge spans that touch or overlap."""
    out: list[list[float]] = []
    for start, end in sorted(map(tuple, spans)):
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return np.asarray(out, dtype=np.float64).reshape(-1, 2)


def ranges(predicted: Floats, true: Floats, *, whole_seconds: bool = False) -> tuple[float, float, float]:
    """Return IoU, precision and recall of the time that all spans of a side cover together; both empty: 1.

    Args:
        whole_seconds: whether to round predicted starts down and ends up, as VUE-TR does.
    """
    if whole_seconds and len(predicted):
        predicted = np.stack([np.floor(predicted[:, 0]), np.ceil(predicted[:, 1])], axis=1)
    a, b = merged(predicted), merged(true)
    if not len(a) and not len(b):
        return 1.0, 1.0, 1.0
    if not len(a) or not len(b):
        return 0.0, 0.0, 0.0
    pairs = np.minimum(a[:, None, 1], b[None, :, 1]) - np.maximum(a[:, None, 0], b[None, :, 0])
    shared = float(np.maximum(0.0, pairs).sum())
    own, other = float((a[:, 1] - a[:, 0]).sum()), float((b[:, 1] - b[:, 0]).sum())
    union = own + other - shared
    return (
        min(1.0, shared / union) if union else 0.0,
        min(1.0, shared / own) if own else 0.0,
        min(1.0, shared / other) if other else 0.0,
    )


def area(values: Sequence[float], *, strict: bool) -> float:
    """Return the area under the share of values above 101 thresholds, as VUE-TR: strictly for IoU, else not strictly.

    With strict thresholds a perfect answer reaches 0.995, since nothing is above 1.
    """
    found = np.asarray(values, dtype=np.float64)[:, None]
    if not len(found):
        return 0.0
    # a value such as 0.29 must not miss its own threshold by rounding
    hits = (found > _THRESHOLDS + 1e-12) if strict else (found >= _THRESHOLDS - 1e-12)
    return float(np.trapezoid(hits.mean(axis=0), _THRESHOLDS))


def moments(predicted: Floats, true: Floats, within_s: float = 5.0) -> tuple[float, float, float]:
    """Return temporal precision, recall and F1 of LV-Haystack: middles within 5 s of one of the other side."""
    near = np.abs(predicted.mean(axis=1)[:, None] - true.mean(axis=1)[None, :]) <= within_s
    precision, recall = covered(near)
    return precision, recall, f1(precision, recall)


# -- masks of frames ---------------------------------------------------------------------------------------------------


def mask(spans: Floats, seconds: float, fps: float = 1.0) -> npt.NDArray[np.bool_]:
    """Return which frames at `fps` the spans contain; frame k is at (k + 0.5) / fps."""
    times = (np.arange(max(1, round(seconds * fps))) + 0.5) / fps
    depth = np.zeros(len(times) + 1, dtype=np.int64)  # number of spans, as changes from frame to frame
    np.add.at(depth, np.searchsorted(times, spans[:, 0]), 1)
    np.add.at(depth, np.searchsorted(times, spans[:, 1]), -1)
    return np.asarray(depth[:-1].cumsum() > 0, dtype=np.bool_)


def mask_f1(predicted: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_]) -> float:
    """Return F1 of the frames of a summary; both empty: 1."""
    if not predicted.any() and not true.any():
        return 1.0
    shared = float((predicted & true).sum())
    return f1(shared / max(1, int(predicted.sum())), shared / max(1, int(true.sum())))


def kendall(a: Floats, b: Floats) -> float | None:
    """Return Kendall's tau-b for few distinct values; None if the truth `b` is constant, 0 if only `a` is."""
    if np.ptp(b) == 0:
        return None
    if np.ptp(a) == 0:
        return 0.0
    left, i = np.unique(a, return_inverse=True)
    right, j = np.unique(b, return_inverse=True)
    cells = np.zeros((len(left), len(right)))
    np.add.at(cells, (i, j), 1.0)
    above = cells[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]  # sum over all cells to the lower right
    crossed = cells[::-1, :].cumsum(axis=0).cumsum(axis=1)[::-1, :]
    agree = float((cells[:-1, :-1] * above[1:, 1:]).sum())
    differ = float((cells[:-1, 1:] * crossed[1:, :-1]).sum())
    pairs = len(a) * (len(a) - 1) / 2
    ties = [float((n * (n - 1) / 2).sum()) for n in (cells.sum(axis=1), cells.sum(axis=0))]
    return (agree - differ) / float(np.sqrt((pairs - ties[0]) * (pairs - ties[1])))


def spearman(a: Floats, b: Floats) -> float | None:
    """Return Spearman's rho with mean ranks of ties; None and 0 as in `kendall`."""
    if np.ptp(b) == 0:
        return None
    if np.ptp(a) == 0:
        return 0.0
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    middles: Floats = ends - (counts - 1) / 2
    return middles[place]


# -- texts within spans ------------------------------------------------------------------------------------------------


def dense(overlap: Floats, score: Callable[[int, int], float], threshold: float) -> float:
    """Average a text score over pairs that overlap by at least `threshold`; a predicted span without a pair counts 0.

    The released evaluator compares such a span with a random string, which gives about 0 and is not reproducible.
    """
    values: list[float] = []
    for i in range(overlap.shape[0]):
        fits = np.flatnonzero(overlap[i] >= threshold)
        values += [score(i, int(j)) for j in fits] or [0.0]
    return float(np.mean(values)) if values else 0.0


def in_order(times: Sequence[float]) -> float:
    """Return the share of neighbours that do not go back; 1 for fewer than two values."""
    pairs = list(pairwise(times))
    return sum(a <= b for a, b in pairs) / len(pairs) if pairs else 1.0
