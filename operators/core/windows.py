"""The windows that a segment owns: cells of the grid, or parts of its shots.

`grid`: one grid for the whole video (`operators.core.grid`). `shots`: each shot of a segment, from hard cut to hard
cut, is a grid of its own, so that no window crosses a cut; a shot that a segment's edge cuts in two is two. Either
way the owned cells tile the segment without gap or overlap, and all follows from the segment, its cuts and the rule:
whoever has these can check the windows (`longcap verify` does).

All values are seconds from the first presented picture. Half-open everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from operators.core.grid import Grid, Span

WindowRule = Literal["grid", "shots"]

_LEAST_SHOT_S = 1e-3  # indices of shots' windows are milliseconds


@dataclass(frozen=True)
class Window:
    """One window.

    Attributes:
        index: rises with time, unique in the video: its number in the grid, or its start in milliseconds.
        span: what it describes.
        own: the cell that it alone answers for; begins where `span` does.
    """

    index: int
    span: Span
    own: Span


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How the windows of one video lie.

    Args:
        grid: of the video; its window and stride hold inside a shot as well.
        rule: "grid" or "shots".
        min_shot_s: with "shots", a shot shorter than this is told with the next one, the last of a segment with the one
            before; 0: none is, and no window crosses a cut.
    """

    grid: Grid
    rule: WindowRule = "grid"
    min_shot_s: float = 0.0

    def of(self, span: Span, cuts_s: Iterable[float] = ()) -> list[Window]:
        """The windows that start in `span`, a segment or what warms it up, in order.

        Args:
            cuts_s: hard cuts, ascending; those outside `span` do not count, and with "grid" none do.
        """
        if self.rule == "grid":
            grid = self.grid
            return [Window(k, grid.window(k), grid.owned(k)) for k in grid.windows_of(span)]
        found: list[Window] = []
        for shot in self._shots(span, cuts_s):
            inside = Grid(shot.seconds, self.grid.window_s, self.grid.stride_s)
            starts = [shot.start_s + k * inside.stride_s for k in range(inside.window_count)]
            for start_s, next_s in zip(starts, [*starts[1:], shot.end_s], strict=True):
                # at least its own cell: rounding must not leave a gap at the cut
                described = Span(start_s, max(next_s, min(start_s + inside.window_s, shot.end_s)))
                found.append(Window(round(start_s * 1000), described, Span(start_s, next_s)))
        return found

    def before(self, segment: Span, count: int, cuts_s: Iterable[float] = ()) -> list[Window]:
        """The last `count` windows that start in the `count` strides before a segment."""
        start_s = max(0.0, segment.start_s - count * self.grid.stride_s)
        return self.of(Span(start_s, segment.start_s), cuts_s)[-count:] if count and start_s < segment.start_s else []

    def _shots(self, span: Span, cuts_s: Iterable[float]) -> list[Span]:
        least_s = max(self.min_shot_s, _LEAST_SHOT_S)
        edges = [span.start_s]
        for cut in cuts_s:
            if cut - edges[-1] >= least_s and cut < span.end_s:
                edges.append(cut)
        if len(edges) > 1 and span.end_s - edges[-1] < least_s:
            edges.pop()
        return [Span(a, b) for a, b in pairwise([*edges, span.end_s])]
