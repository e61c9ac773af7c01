"""Cluster the voice vectors of a whole video into speakers, numbered by their first line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from operators.audio.speakers.base import Voices

_MOST = 2000  # lines that are compared with each other; others are assigned to the nearest speaker


def speakers_of(voices: Voices, seconds: Sequence[float], threshold: float) -> list[int | None]:
    """Return the speaker of each line, 0 for the first speaker; None for a row of zeros.

    Average linkage: the two clusters with the highest mean cosine are merged until none reaches `threshold`.

    Args:
        voices: vectors of the lines, ordered by time.
        seconds: duration of each line; the longest lines are compared.
    """
    distinct = np.linalg.norm(voices, axis=1) > 0.5
    known = sorted(np.flatnonzero(distinct).tolist(), key=lambda k: (-seconds[k], k))
    found: dict[int, int] = {}
    clusters = _joined(voices[known[:_MOST]], threshold) if known else []
    for number, members in enumerate(clusters):
        found |= {known[m]: number for m in members}
    if len(known) > _MOST:
        centres = np.stack([voices[[known[m] for m in members]].mean(0) for members in clusters])
        for k in known[_MOST:]:
            found[k] = int((centres @ voices[k]).argmax())
    order: dict[int, int] = {}
    return [order.setdefault(found[k], len(order)) if k in found else None for k in range(len(voices))]


def _joined(rows: Voices, threshold: float) -> list[list[int]]:
    likeness: NDArray[np.float64] = (rows @ rows.T).astype(np.float64)
    np.fill_diagonal(likeness, -np.inf)
    members = [[k] for k in range(len(rows))]
    while len(rows) > 1:
        one, other = (int(x) for x in np.unravel_index(int(likeness.argmax()), likeness.shape))
        if likeness[one, other] < threshold:
            break
        sizes = len(members[one]), len(members[other])
        mean = (likeness[one] * sizes[0] + likeness[other] * sizes[1]) / sum(sizes)
        likeness[one], likeness[:, one] = mean, mean
        likeness[one, one] = -np.inf
        likeness[other], likeness[:, other] = -np.inf, -np.inf
        members[one] += members[other]
        members[other] = []
    return [some for some in members if some]
