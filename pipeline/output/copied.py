"""Columns that rows copy from the listing: `uri` and `metadata`, which no key contains.

A video may be moved and a manifest edited without anything being made again. Rows that were made before are then
brought up to date at the end of the next run, as a run from the beginning would have made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from operators.core import rows
from operators.store.content import NOTHING, content_hash
from operators.store.store import Store
from operators.store.table import Table
from pipeline.planning.plan import Plan

_ROWS, _BYTES = 4096, 64 * 2**20  # of one commit


@dataclass(frozen=True)
class Copies:
    """The columns that the rows of one table copy, and what their content hash is made of.

    Args:
        schema, always: see `content_hash`.
    """

    table: Table
    columns: tuple[str, ...]
    schema: pa.Schema
    always: pa.Schema

    @staticmethod
    def of(store: Store) -> Iterator[Copies]:
        """Yield the tables of an output with such columns."""
        both, long_caption = ("uri", "metadata"), store.dataset.schema
        for table in (store.dataset, store.filtered):
            yield Copies(table, both, long_caption, rows.LONG_CAPTION)
        yield Copies(store.segments, ("uri",), store.segments.schema, rows.CAPTIONED_SEGMENT)
        for table in store.derived.values():
            if {"video_id", "uri", "content_hash"} <= set(table.schema.names):
                yield Copies(table, ("uri",), table.schema, NOTHING)

    def outdated(self, videos: pa.Table) -> Iterator[pa.Table]:
        """Yield the whole rows that differ from the row of their video, some at a time; `videos`: see `differ`."""
        for found in self.table.where(["video_id", *self.columns], partial(self.differ, videos=videos)):
            yield found.filter(pc.is_valid(found["content_hash"]))  # by which they are replaced

    def differ(self, found: pa.Table, videos: pa.Table) -> Any:
        """Return a mask of the rows that differ from the row of their video.

        Args:
            found: `video_id` and the copied columns.
            videos: `video_id` and the copied columns, one row per video; rows of other videos do not differ.
        """
        at = pc.index_in(found["video_id"], value_set=videos["video_id"].combine_chunks())
        mask = pa.chunked_array([pa.repeat(pa.scalar(False), found.num_rows)])
        for name in self.columns:
            now = videos[name].take(at.combine_chunks())
            same = pc.fill_null(pc.equal(found[name], now), False)
            same = pc.or_(same, pc.and_(pc.is_null(found[name]), pc.is_null(now)))
            mask = pc.or_(mask, pc.invert(same))
        return pc.and_(mask, pc.is_valid(at))

    def updated(self, found: pa.Table, videos: pa.Table) -> pa.Table:
        """Return whole rows with the columns of their videos, and with their hash."""
        at = pc.index_in(found["video_id"], value_set=videos["video_id"].combine_chunks()).combine_chunks()
        for name in self.columns:
            found = _with(found, name, videos[name].take(at))
        hashes = [content_hash(row, self.schema, self.always) for row in found.to_pylist()]
        return _with(found, "content_hash", pa.array(hashes, pa.string()))


def _with(found: pa.Table, name: str, values: Any) -> pa.Table:
    return found.set_column(found.schema.get_field_index(name), found.schema.field(name), values)


def refresh(store: Store, plan: Plan) -> None:
    """Bring the rows of planned videos up to date. Only those that differ are written, some at a time."""
    for copies in Copies.of(store):
        old: list[str] = []
        new: list[pa.Table] = []
        for found in copies.outdated(plan.videos.facts):
            if not old:
                copies.table.fence()
            old += found["content_hash"].to_pylist()
            new.append(copies.updated(found, plan.videos.facts))
            if len(old) >= _ROWS or sum(some.nbytes for some in new) >= _BYTES:
                copies.table.replace(pa.concat_tables(new), "content_hash", old)
                old, new = [], []
        if new:
            copies.table.replace(pa.concat_tables(new), "content_hash", old)
