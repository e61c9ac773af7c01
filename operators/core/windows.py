"""The windows of a segment: cells of the grid, or parts of its shots.

There are three rules:

- `grid`: one grid for the whole video (`operators.core.grid`).
- `shots`: each shot of a segment, from hard cut to hard cut, has a grid of its own, so that no window crosses a cut. A
  shot that crosses a segment boundary counts as two shots.
- `lines`: the grid of the video, with every boundary inside a spoken line moved to the nearest gap between two lines.
  Segment boundaries move in the same way (`Windows.segment`).

Under each rule the owned cells tile the segment without gap or overlap. Windows are a function of the plan, the cuts
or spoken lines, and the rule, so that `longcap verify` can recompute them.

All values are seconds from the first presented frame. All intervals are half-open.
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

_LEAST_SHOT_S = 1e-3  # windows that are not on the grid have their start in milliseconds as index
_EPSILON_S = 1e-6


@dataclass(frozen=True)
class Window:
    """One window.

    Attributes:
        index: increases with time and is unique in the video: the number in the grid; for a window that is not on the
            grid, its start in milliseconds.
        span: the span that its caption describes.
        own: the cell that only this window covers; it starts where `span` starts.
    """

    index: int
    span: Span
    own: Span


@dataclass(frozen=True, kw_only=True)
class Windows:
    """The positions of the windows of one video.

    Args:
        grid: the grid of the video; its window length and stride apply inside a shot as well.
        rule: "grid", "shots" or "lines".
        min_shot_s: with "shots", a shot shorter than this joins the next shot, or the previous one at the end of a
            segment; with 0 no shots are joined and no window crosses a cut.
        talk: with "lines", spans of speech from `operators.core.spoken.talk_of`; at least those within twice
            `line_reach_s` of the requested span.
        line_reach_s: with "lines", the largest distance that a boundary moves, in seconds; at most half a window and a
            quarter of a segment.
    """

    grid: Grid
    rule: WindowRule = "grid"
    min_shot_s: float = 0.0
    talk: Sequence[tuple[float, float]] = ()
    line_reach_s: float = 0.0

    @property
    def by(self) -> str:
        """The source of the window boundaries, for messages."""
        return {"grid": "the grid says", "shots": "its cuts say", "lines": "its spoken lines say"}[self.rule]

    def segment(self, span: Span) -> Span:
        """The span of a segment of the grid. With "lines", its inner boundaries move to gaps between spoken lines."""
        if self.rule != "lines":
            return span
        last = span.end_s >= self.grid.duration_s - _EPSILON_S
        return Span(
            self._moved(span.start_s) if span.start_s > 0 else span.start_s,
            span.end_s if last else self._moved(span.end_s),
        )

    def of(self, span: Span, cuts_s: Iterable[float] = ()) -> list[Window]:
        """The windows that start in `span`, in order; `span` is a segment or its warm-up.

        Args:
            cuts_s: times of hard cuts, ascending. Cuts outside `span` are ignored; with "grid" all are.
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
        """The windows that start in `span`: at its start and at each grid boundary in it, moved to gaps between lines.

        A boundary that would lie within half a stride of the previous one or of the end starts no window. A window is
        `window_s` long and its end moves to the nearest gap; it is never shorter than half of `window_s`.
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
