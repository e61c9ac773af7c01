"""Properties of a video's captioned segments: the windows of a span, coverage, integrity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from operators.analysis.facts import Facts, cuts_of
from operators.core.base import Row
from operators.core.grid import Span
from operators.core.windows import Windows


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells of the windows of a video.

    Attributes:
        duration_s: duration of the video in seconds.
        own: window_index -> its cell, for all windows of the captioned segments.
        starts_s: starts of the cells, ascending; for a missing segment those of the grid.
    """

    duration_s: float
    own: dict[int, Span]
    starts_s: list[float]

    @staticmethod
    def of(windows: Windows, captioned: Sequence[Row], facts: Sequence[Facts | None]) -> Cells:
        """The cells of captioned segments, each with its facts."""
        grid = windows.grid
        spans = [Span(s["start_s"], s["end_s"]) for s in captioned]
        if windows.rule == "lines":  # a window begins where its cell does, so that no speech is needed to tell
            own = dict(cell for segment in captioned for cell in _as_stored(segment))
        else:
            own = {
                w.index: w.own
                for span, measured in zip(spans, facts, strict=True)
                for w in windows.of(span, cuts_of(measured))
            }
        of_grid = (grid.owned(k).start_s for k in range(grid.window_count))
        missing = [t for t in of_grid if not any(s.start_s - 1e-6 <= t < s.end_s - 1e-6 for s in spans)]
        starts_s = sorted([*missing, *(cell.start_s for cell in own.values())])
        return Cells(duration_s=grid.duration_s, own=own, starts_s=starts_s)


def _as_stored(segment: Row) -> Iterator[tuple[int, Span]]:
    windows = sorted(segment["windows"], key=lambda w: int(w["window_index"]))
    ends = [*(float(w["start_s"]) for w in windows[1:]), float(segment["end_s"])]
    for window, end_s in zip(windows, ends, strict=True):
        yield int(window["window_index"]), Span(float(window["start_s"]), end_s)


def owned_windows(cells: Cells, windows: Iterable[Row], span: Span) -> list[Row]:
    """The windows whose cell starts in `span`, in order."""
    return sorted(
        (w for w in windows if span.start_s <= cells.own[w["window_index"]].start_s < span.end_s),
        key=lambda w: int(w["window_index"]),
    )


def coverage_of(cells: Cells, captioned: Sequence[Row]) -> float:
    """Share of the video that was decoded and has a valid caption, 0 to 1, rounded to four decimals.

    (Cells of valid windows ∩ decoded spans) / duration. Cells do not overlap, so that nothing is counted twice.
    """
    seconds = 0.0
    for segment in captioned:
        holes = [Span(h["start_s"], h["end_s"]) for h in segment["decode"]["missing"]]
        for window in segment["windows"]:
            if window["valid"]:
                cell = cells.own[window["window_index"]]
                seconds += cell.seconds - sum(cell.overlap_s(hole) for hole in holes)
    return round(min(1.0, max(0.0, seconds / cells.duration_s)), 4)


def integrity_of(cells: Cells, captioned: Sequence[Row], segments: int) -> bool:
    """Whether every segment exists, nothing was damaged or missing, and every window is valid."""
    valid = {w["window_index"] for s in captioned for w in s["windows"] if w["valid"]}
    return (
        len(captioned) == segments
        and all(not s["decode"]["damaged_packets"] and not s["decode"]["missing"] for s in captioned)
        and len(valid) == len(cells.starts_s)
    )
