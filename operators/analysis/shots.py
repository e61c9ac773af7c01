"""Find changes of shots: hard cuts (`operators.analysis.cuts`), dissolves, fades to and from black.

Precision has priority: a caption with a wrong cut is worse than one without a cut. All thresholds are
in grey levels (0 to 255) of thumbnails about 64 px wide, in which each pixel averages an area of the frame, so that
noise and grain vanish. They were set on film, animation, hand-held and screen recordings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from operators.analysis.cuts import alike, find_cuts, is_black
from operators.analysis.facts import Transition
from operators.analysis.flow import Pairs
from operators.analysis.signals import FloatArray, Thumbs

_DISSOLVE_MIX = 0.3  # largest part of a dissolve's middle that is not a mixture of its two ends
_DISSOLVE_OFF = 0.2  # largest deviation of the new frame's share from a linear rise
_DISSOLVE_CHANGE = 18.0
_DISSOLVE_AREA = 0.6  # least share of the frame: a title that fades in over a shot is also a mixture


def black_runs(thumbs: Thumbs) -> list[tuple[int, int]]:
    """Return runs `[first, end)` of black thumbnails."""
    return runs([is_black(frame) for frame in thumbs.luma])


def find_transitions(thumbs: Thumbs, pairs: Pairs, end_s: float) -> list[Transition]:
    """Return all transitions ordered by time. `end_s` is the end of the last thumbnail's frame."""
    times = thumbs.times_s
    black = black_runs(thumbs)
    found = [
        Transition(kind="black", start_s=float(times[a]), end_s=float(times[b]) if b < len(thumbs) else end_s)
        for a, b in black
    ]
    fades = [*_fades(thumbs, black, pairs)]
    found += fades
    fading = [(f.start_s, f.end_s) for f in fades]
    for moment in find_cuts(thumbs):
        if not any(a < moment <= b for a, b in fading):
            found.append(Transition(kind="cut", start_s=moment, end_s=moment))
    taken = [(t.start_s, t.end_s) for t in found]
    for a, b in _dissolves(thumbs):
        start, end = float(times[a]), float(times[b])
        if not any(low <= end and high >= start for low, high in taken):
            found.append(Transition(kind="dissolve", start_s=start, end_s=end))
    return sorted(found, key=lambda t: (t.start_s, t.end_s, t.kind))


def _fades(thumbs: Thumbs, black: list[tuple[int, int]], pairs: Pairs) -> list[Transition]:
    """Return slopes of mean luma into or out of black, at least three thumbnails long."""
    mean = thumbs.luma.reshape(len(thumbs), -1).mean(axis=1)
    times = thumbs.times_s
    found = []
    for a, b in black:
        first = a - _slope(mean[a::-1], pairs.alike[:a][::-1])
        if a - first >= 3:
            found.append(Transition(kind="fade out", start_s=float(times[first]), end_s=float(times[a])))
        last = b - 1 + _slope(mean[b - 1 :], pairs.alike[b - 1 :])
        if last - (b - 1) >= 3:
            found.append(Transition(kind="fade in", start_s=float(times[b - 1]), end_s=float(times[last])))
    return found


def _slope(mean: npt.NDArray[np.float64], alike: FloatArray) -> int:
    """Return the number of steps in which mean luma rises from black without a halt or a change of frame; 0 if too few.

    A camera that turns to something lighter may lengthen the rise: it ends at a step below a third of the usual one.
    """
    steps = np.diff(mean)
    count = 0
    # next to black, correlation is undefined
    while count < len(steps) and steps[count] > 0.4 and (count < 3 or alike[count] > 0.5):
        count += 1
    usual = float(np.median(steps[: min(count, 8)])) if count else 0.0
    ebbed = np.flatnonzero(steps[:count] < usual / 3)
    ebbed = ebbed[ebbed > 3]  # the first steps out of black are always small
    count = int(ebbed[0]) if len(ebbed) else count
    return count if count and mean[count] - mean[0] > 12 else 0


def _dissolves(thumbs: Thumbs) -> list[tuple[int, int]]:
    """Return spans `(first, last)` whose frames are mixtures of their ends, with a linearly rising share.

    A moving camera or object passes through frames that are not mixtures of both ends; a change of light does not move
    edges.
    """
    step = thumbs.interval_s
    if step <= 0:
        return []
    x = thumbs.luma.reshape(len(thumbs), -1).astype(np.float32)
    found: list[tuple[float, int, int]] = []
    for length in sorted({max(5, round(s / step)) for s in (0.75, 1.0, 1.5, 2.0)}):
        # nearly all spans end in the frame that they began with: one check of all of them saves the fits
        for a in np.flatnonzero((x[length:] - x[:-length]).std(axis=1) >= _DISSOLVE_CHANGE).tolist():
            score = _mixture(x[a : a + length + 1])
            if score is not None and alike(thumbs.luma[a], thumbs.luma[a + length]) < 0.6:
                found.append((score, a, a + length))
    chosen: list[tuple[int, int]] = []
    for _, a, b in sorted(found, key=lambda f: (f[0] - 0.02 * (f[2] - f[1]), f[1])):
        if not any(a <= high and b >= low for low, high in chosen):
            chosen.append((a, b))
    return sorted(chosen)


def _mixture(x: FloatArray) -> float | None:
    """Return the largest unexplained part in the middle of a span (length + 1, pixels); None if it is no dissolve."""
    whole = x[-1] - x[0]
    power = float(whole @ whole)
    middle = len(x) // 2  # most spans fail at one frame; with a margin, since sums are rounded differently
    wanted = middle / (len(x) - 1)
    if abs(float((x[middle] - x[0]) @ whole) - wanted * power) > (_DISSOLVE_OFF + 0.01) * power:
        return None
    if float(whole.std()) < _DISSOLVE_CHANGE:  # only a change of light
        return None
    if np.count_nonzero(np.abs(whole) > 8) < _DISSOLVE_AREA * whole.size:
        return None
    size = float(np.sqrt((whole**2).mean()))
    inside = x[1:-1] - x[0]
    share = inside @ whole / power
    steady = np.arange(1, len(x) - 1) / (len(x) - 1)
    if np.abs(share - steady).max() > _DISSOLVE_OFF or np.diff(share).min(initial=1.0) < 0:
        return None
    left = np.sqrt(((inside - share[:, None] * whole) ** 2).mean(axis=1)) / size
    return float(left.max()) if left.max() < _DISSOLVE_MIX else None


def runs(flags: Any) -> list[tuple[int, int]]:
    """Return runs `[first, end)` of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flags, np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
