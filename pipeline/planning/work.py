"""The remaining work of one of the tables other than `segments` and `dataset`."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from pipeline.config.table import TableSpec
from pipeline.planning.diff import SegmentRows, TableCount

RUN = "run"
"""Stands for a video id in the one row of a table of level run."""


@dataclass(frozen=True, kw_only=True)
class TableWork:
    """The remaining work of one table.

    Attributes:
        rows: rows to work on: `rows.SEGMENT`, with `parent_keys` if there are parents, or `VIDEO_WORK`.
        planned: number of planned rows.
        done: number of durable rows among them.
        given_up: video_id, followed by the segment for tables of segments -> why the row is not made.
        waiting: number of rows whose parents are not done yet.
        keys: video_id -> key of its rows, if known.
        filtered: video_id of each video that the filter leaves out -> number of its rows that are there and stay.
        left_out: number of rows that are not planned because the filter leaves out their videos.
        removed: ids of the videos whose rows the end of the run removes, because the filter leaves out their long
            captions.
    """

    spec: TableSpec
    rows: SegmentRows | pa.Table
    planned: int
    done: int
    given_up: dict[str, str] = field(default_factory=dict)
    waiting: int = 0
    seconds: float = 0.0
    keys: dict[str, str] = field(default_factory=dict)
    filtered: dict[str, int] = field(default_factory=dict)
    left_out: int = 0
    removed: frozenset[str] = frozenset()

    @property
    def left(self) -> int:
        return len(self.rows)

    def some(self, count: int) -> pa.Table:
        """Return the first `count` rows."""
        return self.rows.table(0, count) if isinstance(self.rows, SegmentRows) else self.rows.slice(0, count)

    @property
    def count(self) -> TableCount:
        """In numbers."""
        failed, removed = len(self.given_up), len(self.removed)
        return TableCount(self.planned, self.done, self.left, self.waiting, failed, self.left_out, removed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableWork) and bool(self.rows == other.rows)

    __hash__ = None  # type: ignore[assignment]  # as of any table
