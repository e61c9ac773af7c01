"""Spans that the edge of a segment has parted."""

from __future__ import annotations

from operators.core.base import Row

_SEAM_S = 1e-3


def parted(row: Row, start_s: float, end_s: float) -> bool:
    """Return whether a span touches an edge of its segment that is not the start or the end of the video."""
    low, high = float(row["start_s"]), float(row["end_s"])
    starts = low > _SEAM_S and start_s - low < _SEAM_S
    ends = row["duration_s"] - high > _SEAM_S and high - end_s < _SEAM_S
    return starts or ends
