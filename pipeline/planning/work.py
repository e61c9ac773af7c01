"""What is left to do of one of the tables beside `segments` and `dataset`."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from pipeline.config.table import TableSpec
from pipeline.planning.diff import SegmentRows, TableCount

RUN = "run"
"""In place of a video's id: the one row of a table of level run."""


@dataclass(frozen=True, kw_only=True)
class TableWork:
    """What is left to do of one table.

    Attributes:
        rows: to work on, of `rows.SEGMENT` with `parent_keys` where there are parents, or of `VIDEO_WORK`.
        planned: rows that the plan has.
        done: of these, the durable ones.
        given_up: video_id, and the segment -> why a row is not made.
        waiting: rows whose parents are not done yet.
        keys: video_id -> key of its rows, as far as it is known.
    """

    spec: TableSpec
    rows: SegmentRows | pa.Table
    planned: int
    done: int
    given_up: dict[str, str] = field(default_factory=dict)
    waiting: int = 0
    seconds: float = 0.0
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def left(self) -> int:
        return len(self.rows)

    def some(self, count: int) -> pa.Table:
        """The first rows."""
        return self.rows.table(0, count) if isinstance(self.rows, SegmentRows) else self.rows.slice(0, count)

    @property
    def count(self) -> TableCount:
        """In numbers."""
        return TableCount(self.planned, self.done, self.left, self.waiting, len(self.given_up))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableWork) and bool(self.rows == other.rows)

    __hash__ = None  # type: ignore[assignment]  # as of any table
