"""What a video's captioned segments amount to: which windows a span owns, coverage, integrity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from operators.base import Row
from operators.grid import Grid, Span


def owned_windows(grid: Grid, windows: Iterable[Row], span: Span) -> list[Row]:
    """The windows whose stride cell starts in `span`, in order."""
    return sorted(
        (w for w in windows if span.start_s <= grid.owned(w["window_index"]).start_s < span.end_s),
        key=lambda w: int(w["window_index"]),
    )


def coverage_of(grid: Grid, captioned: Sequence[Row]) -> float:
    """Share of the video that both decoded and has a valid caption, 0 to 1, four decimals.

    (Stride cells of valid windows ∩ what decoded) / duration. Cells do not overlap, so nothing counts twice.
    """
    seconds = 0.0
    for segment in captioned:
        holes = [Span(h["start_s"], h["end_s"]) for h in segment["decode"]["missing"]]
        for window in segment["windows"]:
            if window["valid"]:
                cell = grid.owned(window["window_index"])
                seconds += cell.seconds - sum(cell.overlap_s(hole) for hole in holes)
    return round(min(1.0, max(0.0, seconds / grid.duration_s)), 4)


def integrity_of(grid: Grid, captioned: Sequence[Row], segments: int) -> bool:
    """True only if every segment is there, nothing was damaged or missing, and every window of the grid is valid."""
    valid = {w["window_index"] for s in captioned for w in s["windows"] if w["valid"]}
    return (
        len(captioned) == segments
        and all(not s["decode"]["damaged_packets"] and not s["decode"]["missing"] for s in captioned)
        and len(valid) == grid.window_count
    )
