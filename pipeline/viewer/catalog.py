"""The list of videos: their columns without texts, as one Arrow table in memory, which is searched, filtered and
sorted.

100,000 videos take some tens of megabytes. Long captions are searched in their files and not kept in memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from operators.core.base import Row
from operators.store.store import Store
from pipeline.output.annotations import Annotations
from pipeline.viewer.added import added_column, added_fields
from pipeline.viewer.columns import METADATA, build, flat, metadata_array, metadata_names, metadata_value, with_verdicts
from pipeline.viewer.conditions import all_of, holds, mask_of
from pipeline.viewer.query import Query

_LOOK_S = 1.0  # how often the tables are checked for changes
_REBUILD = 5.0  # while a run commits, a list is rebuilt at most every so many times its build time
_REMEMBERED = 16  # searches whose results are cached


@dataclass(frozen=True)
class Page:
    """One page of the list.

    Attributes:
        rows: the requested columns of `Catalog.columns`, as Python values.
        total: number of rows of all pages; pages: number of pages, at least 1.
        ids: `video_id` of the rows, and of the row before and the row after them.
    """

    rows: list[Row]
    total: int
    page: int
    pages: int


class Catalog:
    """The videos of one output. Calls from several threads are serialised.

    Args:
        uri: URI of the output.
        annotations: annotations of the output.
    """

    def __init__(self, uri: str, annotations: Annotations) -> None:
        self._store = Store(uri)  # a separate store: a search must not block the pages of single videos
        self._annotations = annotations
        self._lock = threading.Lock()
        self._table: pa.Table | None = None
        self._versions: tuple[int | None, ...] = ()
        self._annotated: int | None = -1
        self._looked = 0.0
        self._took_s = 0.0
        self._found: OrderedDict[tuple[str, ...], pa.Array] = OrderedDict()
        self._lazy: dict[str, pa.Array] = {}
        self._names: list[str] = []
        self._added: dict[str, pa.Field] = {}

    def columns(self) -> list[str]:
        """All columns by which the list can be filtered and sorted; `metadata.X` is column X of a manifest. Columns
        that a recipe added to `dataset` keep their names."""
        with self._lock:
            return [*self._current().column_names, *self._added, *self._names]

    def counts(self) -> dict[str, Any]:
        """Return the number of videos in each state, the hours of all, and a stamp that changes with the output."""
        with self._lock:
            table = self._current()
            states = dict(zip(*(c.to_pylist() for c in pc.value_counts(table["state"]).flatten()), strict=True))
            return {
                "videos": table.num_rows,
                **{name: states.get(name, 0) for name in ("captioned", "filtered", "failed", "waiting")},
                "hours": (pc.sum(table["duration_s"]).as_py() or 0.0) / 3600,
                "stamp": "-".join(str(v) for v in (*self._versions, self._annotated)),
            }

    def page(self, query: Query) -> Page:
        """Return the rows that a view shows.

        Raises:
            UsageError: the value of a condition does not fit its column.
        """
        with self._lock:
            table = self._current()
            order = self._order(table, query)
            pages = max(1, -(-len(order) // query.size))
            page = min(query.page, pages)
            chosen = order[(page - 1) * query.size : page * query.size]
            shown = table.take(chosen)
            for name in query.columns:
                if name not in shown.column_names:
                    shown = shown.append_column(name, self._column(table, name).take(chosen))
            return Page(rows=shown.to_pylist(), total=len(order), page=page, pages=pages)

    def captions(self, video_ids: list[str]) -> dict[str, str]:
        """video_id -> its long caption, for the videos of a page."""
        with self._lock:
            found = self._store.dataset.lookup("video_id", *video_ids, columns=["video_id", "caption"])
            give_back()
        return dict(zip(found["video_id"].to_pylist(), found["caption"].to_pylist(), strict=True))

    def misses(self, video_id: str) -> list[Row]:
        """Return the bounds that a video missed when the filter left it out, as `structs.MISS`."""
        with self._lock:
            found = self._store.filtered.lookup("video_id", video_id, columns=["filtered"])
        return (found["filtered"][0].as_py() or []) if found.num_rows else []

    def beside(self, query: Query, video_id: str) -> tuple[str | None, str | None]:
        """Return the ids of the videos before and after a video in a view; None at the ends."""
        with self._lock:
            table = self._current()
            ids = table["video_id"].take(self._order(table, query))
            at = pc.index(ids, video_id).as_py()
            if at < 0:
                return None, None
            before = ids[at - 1].as_py() if at else None
            return before, ids[at + 1].as_py() if at + 1 < len(ids) else None

    def ids(self, query: Query) -> list[str]:
        """Return the ids of all videos of a view, in its order."""
        with self._lock:
            table = self._current()
            found: list[str] = table["video_id"].take(self._order(table, query)).to_pylist()
            return found

    # -- choosing ----------------------------------------------------------------------------------------------------

    def _order(self, table: pa.Table, query: Query) -> pa.Array:
        """Return the indices in `table` of the rows of a view, in its order."""
        mask: Any = None
        for part in self._masks(table, query):
            mask = part if mask is None else pc.and_(mask, part)
        at = pa.array(np.arange(table.num_rows, dtype=np.int64))
        if mask is not None:
            at = at.filter(pc.fill_null(mask, False))
        name, falling = query.sort.removeprefix("-"), query.sort.startswith("-")
        keys = pa.table({"key": pc.take(self._column(table, name), at), "id": pc.take(table["video_id"], at), "at": at})
        order = pc.sort_indices(
            keys, sort_keys=[("key", "descending" if falling else "ascending"), ("id", "ascending")]
        )
        return keys["at"].take(order).combine_chunks()

    def _masks(self, table: pa.Table, query: Query) -> list[Any]:
        masks = []
        if query.state:
            masks.append(pc.equal(table["state"], query.state))
        if query.verdict:
            given = pc.fill_null(table["verdict"], "none")
            masks.append(pc.equal(given, query.verdict))
        masks += [mask_of(self._column(table, c.column), c) for c in query.where]
        if terms := query.terms:
            named = [
                pc.or_(holds(table["uri"], term), pc.fill_null(holds(table["video_id"], term), False)) for term in terms
            ]
            matching = pc.is_in(table["video_id"], value_set=self._matching(tuple(terms)))
            masks.append(pc.or_(all_of(named), matching))
        return masks

    def _matching(self, terms: tuple[str, ...]) -> pa.Array:
        """Return the ids of the videos whose long caption contains all terms."""
        if terms not in self._found:
            holds = [pc.match_substring(pc.field("caption"), term, ignore_case=True) for term in terms]
            where = holds[0]
            for one in holds[1:]:
                where = where & one
            self._found[terms] = flat(self._store.dataset.select(["video_id"], where)["video_id"])
            give_back()
            while len(self._found) > _REMEMBERED:
                self._found.popitem(last=False)
        return self._found[terms]

    def _column(self, table: pa.Table, name: str) -> Any:
        if name in table.column_names:
            return table[name]
        if name not in self._lazy:
            if name in self._added:
                self._lazy[name] = added_column(self._store, self._added[name], table["video_id"])
            else:
                self._lazy[name] = self._metadata_of(table, name)
            give_back()
        return self._lazy[name]

    # -- building ----------------------------------------------------------------------------------------------------

    def _current(self) -> pa.Table:
        """Return the table, rebuilt if the output has changed and the last check is old enough."""
        now = time.monotonic()
        wait_s = max(_LOOK_S, self._took_s * _REBUILD)
        if self._table is not None and now - self._looked < wait_s and self._annotated == self._annotations.version():
            return self._table
        store = self._store
        versions = tuple(t.version() for t in (store.videos, store.dataset, store.filtered, store.failures))
        annotated = self._annotations.version()
        if self._table is None or versions != self._versions:
            self._found.clear()
            self._lazy.clear()
            self._table = build(store)
            self._names = metadata_names(store)
            self._added = added_fields(store, {*self._table.column_names, *self._names})
            self._annotated = -1
        if annotated != self._annotated:
            self._table = with_verdicts(self._table, self._annotations.all())
        self._versions, self._annotated = versions, annotated
        give_back()
        self._took_s = time.monotonic() - now
        self._looked = time.monotonic()
        return self._table

    def _metadata_of(self, table: pa.Table, name: str) -> pa.Array:
        """Return a column of the manifest as text, or as numbers if all its values are numbers."""
        read = self._store.videos.read(["video_id", "metadata"])
        texts = [metadata_value(text, name.removeprefix(METADATA)) for text in read["metadata"].to_pylist()]
        at = pc.index_in(table["video_id"], value_set=read["video_id"].combine_chunks())
        return metadata_array(texts).take(at.combine_chunks())


def give_back() -> None:
    """Return unused memory to the system, which the allocators would keep."""
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # not available in every libc
            ctypes.CDLL(None).malloc_trim(0)
