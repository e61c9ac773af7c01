"""The spans of a video that no row of a table of segments covers, because their segments failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from operators.core.grid import Span

_SEAM_S = 1e-3


def gaps(segments: Sequence[Any] | None, duration_s: float) -> list[Span]:
    """Return the spans from 0 to the end of the video that are in none of the rows; none if these are no segments.

    Args:
        segments: rows of a table of segments: mappings with `segment_index`, `start_s` and `end_s`.
        duration_s: of the video.
    """
    rows = [s for s in segments or () if isinstance(s, dict) and s.get("segment_index") is not None]
    spans = sorted((float(s["start_s"]), float(s["end_s"])) for s in rows)
    if not spans:
        return []
    found: list[Span] = []
    at = 0.0
    for start_s, end_s in [*spans, (duration_s, duration_s)]:
        if start_s - at > _SEAM_S:
            found.append(Span(at, start_s))
        at = max(at, end_s)
    return found
