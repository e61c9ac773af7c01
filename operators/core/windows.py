"""The windows that a segment owns: cells of the grid, or parts of its shots.

`grid`: one grid for the whole video (`operators.core.grid`). `shots`: each shot of a segment, from hard cut to hard
cut, is a grid of its own, so that no window crosses a cut; a shot that a segment's edge cuts in two is two. `lines`:
the grid of the video, with every edge that falls into a spoken line moved to the nearest gap between two lines; the
edges of segments move as well (`Windows.segment`). In any case the owned cells tile the segment without gap or
overlap, and all follows from the plan, the cuts or lines, and the rule: whoever has these can check the windows
(`longcap verify` does).

All values are seconds from the first presented picture. Half-open everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from operators.core.grid import Grid, Span
from operators.core.spoken import moved

WindowRule = Literal["grid", "shots", "lines"]

_LEAST_SHOT_S = 1e-3  # indices of windows off the grid are milliseconds
_EPSILON_S = 1e-6


@dataclass(frozen=True)
class Window:
    """One window.

    Attributes:
        index: rises with time, unique in the video: its number in the grid, or off the grid its start in milliseconds.
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
        rule: "grid", "shots" or "lines".
        min_shot_s: with "shots", a shot shorter than this is captioned with the next one, the last of a segment
            with the one before; 0: none is, and no window crosses a cut.
        talk: with "lines", where lines are said, as `operators.core.spoken.talk_of` gives them: at least those within
            twice `line_reach_s` of what is asked about.
        line_reach_s: with "lines", how far an edge moves at most; up to half a window and a quarter of a segment.
    """

    grid: Grid
    rule: WindowRule = "grid"
    min_shot_s: float = 0.0
    talk: Sequence[tuple[float, float]] = ()
    line_reach_s: float = 0.0

    @property
    def by(self) -> str:
        """What says where windows lie, for messages."""
        return {"grid": "the grid says", "shots": "its cuts say", "lines": "its spoken lines say"}[self.rule]

    def segment(self, span: Span) -> Span:
        """Where a segment of the grid lies: with "lines", its inner edges move to gaps between spoken lines."""
        if self.rule != "lines":
            return span
        last = span.end_s >= self.grid.duration_s - _EPSILON_S
        return Span(
            self._moved(span.start_s) if span.start_s > 0 else span.start_s,
            span.end_s if last else self._moved(span.end_s),
        )

    def of(self, span: Span, cuts_s: Iterable[float] = ()) -> list[Window]:
        """The windows that start in `span`, a segment or what warms it up, in order.

        Args:
            cuts_s: hard cuts, ascending; those outside `span` do not count, and with "grid" none do.
        """
        if self.rule == "grid":
            grid = self.grid
            return [Window(k, grid.window(k), grid.owned(k)) for k in grid.windows_of(span)]
        if self.rule == "lines":
            return self._between_lines(span)
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
        start_s = self._moved(start_s) if self.rule == "lines" and start_s > 0 else start_s
        return self.of(Span(start_s, segment.start_s), cuts_s)[-count:] if count and start_s < segment.start_s else []

    def _between_lines(self, span: Span) -> list[Window]:
        """The windows that start in `span`: at its start, and at the grid's edges in it, moved to gaps between lines.

        An edge that comes to lie within half a stride of the one before it, or of the end, makes no window. A window is
        `window_s` long, and ends at the nearest gap as well: it is never shorter than half of that.
        """
        grid, edges = self.grid, [span.start_s]
        least_s, reach = grid.stride_s / 2 - _EPSILON_S, math.ceil(self.line_reach_s / grid.stride_s)
        first, last = math.floor(span.start_s / grid.stride_s), math.ceil(span.end_s / grid.stride_s)
        for k in range(max(0, first - reach), last + reach + 1):
            edge = self._moved(k * grid.stride_s)
            if edge - edges[-1] >= least_s and span.end_s - edge >= least_s:
                edges.append(edge)
        if span.end_s >= grid.duration_s - _EPSILON_S:  # as in the grid, only the last window reaches the end
            while len(edges) > 1 and edges[-2] + grid.window_s >= grid.duration_s - _EPSILON_S:
                edges.pop()
        found = []
        for start_s, next_s in zip(edges, [*edges[1:], span.end_s], strict=True):
            end_s = max(next_s, self._moved(start_s + grid.window_s))
            found.append(
                Window(round(start_s * 1000), Span(start_s, min(end_s, grid.duration_s)), Span(start_s, next_s))
            )
        return found

    def _moved(self, time_s: float) -> float:
        return moved(time_s, self.talk, self.line_reach_s)

    def _shots(self, span: Span, cuts_s: Iterable[float]) -> list[Span]:
        least_s = max(self.min_shot_s, _LEAST_SHOT_S)
        edges = [span.start_s]
        for cut in cuts_s:
            if cut - edges[-1] >= least_s and cut < span.end_s:
                edges.append(cut)
        if len(edges) > 1 and span.end_s - edges[-1] < least_s:
            edges.pop()
        return [Span(a, b) for a, b in pairwise([*edges, span.end_s])]
