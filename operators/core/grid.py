"""The grid of windows and segments that all stages share.

Window k of a video of D seconds is `[k·stride, min(k·stride + window, D))`, k < max(1, ceil((D − window)/stride) + 1):
10 s windows at a 5 s stride in the LongCaption-Agent recipe. Each window owns its stride cell; the last window owns the
rest of the video. The owned cells tile the video without gap or overlap. A segment is a whole number of cells and owns
the windows and frames that start in it.

All values are seconds from the first presented frame. All intervals are half-open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_EPSILON_S = 1e-6  # durations come from integer time bases; rounding must not add or remove a window


@dataclass(frozen=True)
class Span:
    """A half-open interval `[start_s, end_s)`, in seconds."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        return max(0.0, self.end_s - self.start_s)

    def overlap_s(self, other: Span) -> float:
        return max(0.0, min(self.end_s, other.end_s) - max(self.start_s, other.start_s))


@dataclass(frozen=True)
class Grid:
    """Windows and segments of one video.

    Args:
        duration_s: length of the video, above 0.
        window_s: length of a window, above 0.
        stride_s: distance between window starts, above 0 and at most `window_s`.

    Raises:
        ValueError: a value outside its range.
    """

    duration_s: float
    window_s: float = 10.0
    stride_s: float = 5.0

    def __post_init__(self) -> None:
        if not (self.duration_s > 0 and math.isfinite(self.duration_s)):
            raise ValueError(f"duration_s is {self.duration_s}; it must be a finite number above 0")
        check_windows(self.window_s, self.stride_s)

    @property
    def window_count(self) -> int:
        return max(1, math.ceil((self.duration_s - self.window_s) / self.stride_s - _EPSILON_S) + 1)

    def window(self, k: int) -> Span:
        """The span that window `k` describes."""
        start = k * self.stride_s
        return Span(start, min(start + self.window_s, self.duration_s))

    def owned(self, k: int) -> Span:
        """The stride cell that only window `k` covers; the last cell extends to the end of the video."""
        last = k == self.window_count - 1
        return Span(k * self.stride_s, self.duration_s if last else (k + 1) * self.stride_s)

    def segments(self, segment_s: float) -> list[Span]:
        """The segments in order, without gap or overlap. A remainder shorter than a window joins the previous segment.

        Args:
            segment_s: requested length in seconds, a multiple of `stride_s` and at least `window_s`.
        """
        check_grid(self.window_s, self.stride_s, segment_s)
        cells = round(segment_s / self.stride_s)
        count = max(1, math.floor((self.duration_s + _EPSILON_S) / (cells * self.stride_s)))
        rest = self.duration_s - count * cells * self.stride_s
        if rest >= self.window_s - _EPSILON_S:
            count += 1
        starts = [i * cells * self.stride_s for i in range(count)]
        return [Span(a, b) for a, b in zip(starts, [*starts[1:], self.duration_s], strict=True)]

    def windows_of(self, segment: Span) -> range:
        """The windows that start inside `segment`."""
        first = math.ceil(segment.start_s / self.stride_s - _EPSILON_S)
        end = math.ceil(segment.end_s / self.stride_s - _EPSILON_S)
        return range(first, min(end, self.window_count))

    def decode_span(self, segment: Span, warm_up_windows: int) -> Span:
        """The span to decode for `segment`: from its first warm-up window to the end of its last window."""
        return Span(
            max(0.0, segment.start_s - warm_up_windows * self.stride_s),
            min(self.duration_s, max(segment.end_s, segment.end_s + self.window_s - self.stride_s)),
        )


def check_windows(window_s: float, stride_s: float) -> None:
    """Check a window length and a stride, in seconds.

    Raises:
        ValueError: they do not define a grid of windows.
    """
    if not window_s > 0:
        raise ValueError(f"window_s is {window_s}; it must be above 0")
    if not 0 < stride_s <= window_s:
        raise ValueError(f"stride_s is {stride_s}; it must be above 0 and at most window_s ({window_s})")


def check_grid(window_s: float, stride_s: float, segment_s: float) -> None:
    """Check window length, stride and segment length, in seconds.

    Raises:
        ValueError: they do not define a grid of windows, or segments of `segment_s` do not fit it.
    """
    check_windows(window_s, stride_s)
    if segment_s < window_s:
        raise ValueError(f"segment_s is {segment_s}; it must be at least window_s ({window_s})")
    cells = segment_s / stride_s
    if abs(cells - round(cells)) > _EPSILON_S:
        raise ValueError(f"segment_s is {segment_s}; it must be a multiple of stride_s ({stride_s})")


def frame_times(span: Span, fps: float) -> list[float]:
    """The times `k / fps` in `span`, for integer k: the frame grid that all segments share.

    In seconds from the first presented frame; empty if `span` contains none.
    """
    first = math.ceil(span.start_s * fps - _EPSILON_S)
    end = math.ceil(span.end_s * fps - _EPSILON_S)
    return [k / fps for k in range(first, end)]
