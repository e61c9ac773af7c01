"""The planned videos as columns: a million take a few hundred MB; objects are made on access."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from operators.core.base import Row
from operators.core.grid import Grid, check_grid

_EPSILON_S = 1e-6  # as in operators.core.grid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The rule that divides videos; the arithmetic of `operators.core.grid.Grid` for many videos (tests compare both).

    Args:
        reach_s: how far edges of segments and windows may move to spoken lines, seconds.
    """

    window_s: float
    stride_s: float
    segment_s: float
    reach_s: float = 0.0

    def __post_init__(self) -> None:
        check_grid(self.window_s, self.stride_s, self.segment_s)

    @property
    def cells(self) -> int:
        """Number of stride cells in a segment."""
        return round(self.segment_s / self.stride_s)

    def counts(self, durations_s: Floats) -> Ints:
        """Return the number of segments of videos of these durations."""
        whole = np.maximum(1, np.floor((durations_s + _EPSILON_S) / (self.cells * self.stride_s))).astype(np.int64)
        rest = durations_s - whole * self.cells * self.stride_s
        counts: Ints = whole + (rest >= self.window_s - _EPSILON_S)
        return counts

    def windows(self, durations_s: Floats) -> Ints:
        """Return the number of windows of videos of these durations."""
        count = np.ceil((durations_s - self.window_s) / self.stride_s - _EPSILON_S).astype(np.int64) + 1
        return np.maximum(1, count)

    def spans(self, index: Ints, count: Ints, durations_s: Floats) -> tuple[Floats, Floats]:
        """Return start and end of segment `index` of videos that have `count` segments."""
        start: Floats = (index * self.cells).astype(np.float64) * self.stride_s
        end: Floats = ((index + 1) * self.cells).astype(np.float64) * self.stride_s
        return start, np.where(index == count - 1, durations_s, end)

    def decode_spans(self, start_s: Floats, end_s: Floats, durations_s: Floats, warm_up: int) -> tuple[Floats, Floats]:
        """Return the spans to decode for segments: from their warm-up to the end of their last window, extended by the
        distance by which edges may move."""
        last_s = end_s + self.window_s - self.stride_s
        if self.reach_s:
            start_s, last_s = start_s - 2 * self.reach_s, end_s + self.window_s + 2 * self.reach_s
        return (
            np.maximum(0.0, start_s - warm_up * self.stride_s),
            np.minimum(durations_s, np.maximum(end_s, last_s)),
        )


@dataclass(frozen=True, kw_only=True)
class PlannedVideo:
    """One video that can be captioned, and how it is divided.

    Attributes:
        facts: a row of `rows.VIDEO`.
        key: key of its captions.
    """

    facts: Row
    key: str
    cut: Cut

    @property
    def video_id(self) -> str:
        return str(self.facts["video_id"])

    @cached_property
    def grid(self) -> Grid:
        return Grid(self.facts["duration_s"], self.cut.window_s, self.cut.stride_s)

    @property
    def segment_count(self) -> int:
        return len(self.grid.segments(self.cut.segment_s))

    def share(self, indices: Iterable[int]) -> float:
        """Return the share of the video's duration in these segments."""
        spans = self.grid.segments(self.cut.segment_s)
        return sum(spans[i].seconds for i in indices) / self.grid.duration_s


class Videos(Sequence[PlannedVideo]):
    """Planned videos in order.

    Args:
        facts: rows of `rows.VIDEO`, none of them failed.
        keys: keys of their captions.
        cut: the rule that divides all of them.
    """

    def __init__(self, facts: pa.Table, keys: list[str], cut: Cut) -> None:
        self.facts = facts
        self.keys = keys
        self.cut = cut
        self.durations_s: Floats = facts["duration_s"].to_numpy().astype(np.float64)
        self.counts = cut.counts(self.durations_s)

    @property
    def ids(self) -> list[str]:
        found: list[str] = self.facts["video_id"].to_pylist()
        return found

    def take(self, positions: Ints) -> Videos:
        """Return the videos at these positions."""
        at = positions.tolist()
        return Videos(self.facts.take(pa.array(positions)), [self.keys[i] for i in at], self.cut)

    @overload
    def __getitem__(self, index: int) -> PlannedVideo: ...
    @overload
    def __getitem__(self, index: slice) -> Videos: ...
    def __getitem__(self, index: int | slice) -> PlannedVideo | Videos:
        if isinstance(index, slice):
            return self.take(np.arange(len(self), dtype=np.int64)[index])
        index = range(len(self))[index]
        return PlannedVideo(facts=self.facts.slice(index, 1).to_pylist()[0], key=self.keys[index], cut=self.cut)

    def __iter__(self) -> Iterator[PlannedVideo]:
        at = 0
        for batch in self.facts.to_batches(max_chunksize=1024):
            for facts in batch.to_pylist():
                yield PlannedVideo(facts=facts, key=self.keys[at], cut=self.cut)
                at += 1

    def __len__(self) -> int:
        return len(self.keys)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Videos) and (self.cut, self.keys) == (other.cut, other.keys)

    __hash__ = None  # type: ignore[assignment]  # as of any list
