"""Loading of the narrator's input: the stored captions and facts of one video. Rows carry only keys, not texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from operators.core import rows
from operators.core.base import Apply, ItemError, Level, Operator, Row
from operators.core.windows import WindowRule
from operators.store.parents import Parent, brought, joined_columns
from operators.store.store import Store

_LAYOUT = ("window_s", "stride_s", "window_rule", "min_shot_s")
_OF_A_ROW = frozenset({"content_hash", "run_id", "host", "timings"})  # describe how a parent's row was made
_FROM_VIDEO = [n for n in rows.LONG_CAPTION.names if n in rows.VIDEO.names and n != "run_id"]


@dataclass(frozen=True, kw_only=True)
class Load(Operator):
    """Adds the captioned segments and probed facts of the video whose captions have the row's `key`, and its rows in
    other parents of long captions."""

    name: ClassVar[str] = "load"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"video_id", "key", "segment_count"})
    may_read: ClassVar[frozenset[str]] = frozenset({"parent_keys"})
    writes: ClassVar[frozenset[str]] = frozenset({"captioned", "captioned_indices", "segments", *_LAYOUT, *_FROM_VIDEO})

    store: str
    window_s: float
    stride_s: float
    window_rule: WindowRule = "grid"
    min_shot_s: float = 0.0
    of: tuple[Parent, ...] = ()

    @contextmanager
    def open(self) -> Iterator[Apply]:
        store = Store(self.store)
        tables = [(parent, parent.table()) for parent in self.of]

        def others(row: Row) -> dict[str, Row | None]:
            keys = json.loads(row.get("parent_keys") or "{}")
            return {parent.name: _row_of(parent, parent.rows(table, keys)) for parent, table in tables}

        yield lambda row: self._apply(row, store, others(row))

    def _apply(self, row: Row, store: Store, others: dict[str, Row | None]) -> Row:
        found = store.videos.lookup("video_id", row["video_id"]).to_pylist()
        captioned = store.captioned(row["key"])
        if not found or not captioned:
            raise ItemError(
                "internal", f"video {row['video_id']} was to be narrated, but the store has no captions of it"
            )
        return {
            **{name: value for name, value in brought(others, row).items() if name not in _OF_A_ROW},
            **row,
            **{name: found[0][name] for name in _FROM_VIDEO},
            "captioned": captioned,
            "captioned_indices": [s["segment_index"] for s in captioned],
            "segments": row["segment_count"],
            "window_s": self.window_s,
            "stride_s": self.stride_s,
            "window_rule": self.window_rule,
            "min_shot_s": self.min_shot_s,
        }


def _row_of(parent: Parent, mine: list[Row]) -> Row | None:
    """A parent's row of a video or, for a table of segments, one row with the lists of spans of all segments joined."""
    if parent.level != "segment":
        return mine[0] if mine else None
    mine.sort(key=lambda r: int(r["segment_index"]))
    columns = joined_columns(parent.column, parent.schema)
    return {column: [item for r in mine for item in r[column] or ()] for column in columns}
