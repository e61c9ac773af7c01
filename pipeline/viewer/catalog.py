"""The list of videos: their columns without texts, as one Arrow table in memory, searched, filtered and sorted in it.

100,000 videos take some tens of megabytes. Long captions are searched where they lie, file by file; none is kept.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from operators import rows
from operators.base import Row
from operators.store.store import Store
from pipeline.output.annotations import VERDICTS, Annotations
from pipeline.terminal.errors import UsageError
from pipeline.viewer.query import Condition, Query

_TEXTS = frozenset({"caption", "sections", "names", "provenance", "usage", "metadata", "parts", "failure", "timings"})
_LEFT_OUT = frozenset({"content_hash", "host", "source_version", "subtitles_uri", "key"})
_MADE = ["name", "state", "verdict", "flags", "failure_class", "failure_message"]
_METADATA = "metadata."
_LOOK_S = 1.0  # how often the tables are asked whether they have changed
_REBUILD = 5.0  # a list that takes long to build is built again after so many times that, while a run commits
_REMEMBERED = 16  # searches


@dataclass(frozen=True)
class Page:
    """A page of the list.

    Attributes:
        rows: the columns of `Catalog.columns` that are asked for, as Python values.
        total: rows of all pages; pages: at least 1.
        ids: `video_id` of the rows, and of the one before and the one after them.
    """

    rows: list[Row]
    total: int
    page: int
    pages: int


class Catalog:
    """The videos of one output. Calls of several threads take turns.

    Args:
        uri: of the output.
        annotations: of the output.
    """

    def __init__(self, uri: str, annotations: Annotations) -> None:
        self._store = Store(uri)  # of its own: a search must not keep the pages of single videos waiting
        self._annotations = annotations
        self._lock = threading.Lock()
        self._table: pa.Table | None = None
        self._versions: tuple[int | None, ...] = ()
        self._annotated: int | None = -1
        self._looked = 0.0
        self._took_s = 0.0
        self._found: OrderedDict[tuple[str, ...], pa.Array] = OrderedDict()
        self._metadata: dict[str, pa.Array] = {}
        self._names: list[str] = []

    def columns(self) -> list[str]:
        """Every column by which the list can be filtered and sorted; `metadata.X` is a column X of a manifest."""
        with self._lock:
            return [*self._current().column_names, *self._names]

    def counts(self) -> dict[str, Any]:
        """How many videos are in which state, the hours of all, and a stamp that changes with the output."""
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
        """The rows that a view shows.

        Raises:
            UsageError: a condition whose value does not fit its column.
        """
        with self._lock:
            table = self._current()
            order = self._order(table, query)
            pages = max(1, -(-len(order) // query.size))
            page = min(query.page, pages)
            chosen = order[(page - 1) * query.size : page * query.size]
            shown = table.take(chosen)
            for name in query.columns:
                if name.startswith(_METADATA):
                    shown = shown.append_column(name, self._metadata_of(name).take(chosen))
            return Page(rows=shown.to_pylist(), total=len(order), page=page, pages=pages)

    def beside(self, query: Query, video_id: str) -> tuple[str | None, str | None]:
        """The ids of the videos before and after one in a view; None where there is none."""
        with self._lock:
            table = self._current()
            ids = table["video_id"].take(self._order(table, query))
            at = pc.index(ids, video_id).as_py()
            if at < 0:
                return None, None
            before = ids[at - 1].as_py() if at else None
            return before, ids[at + 1].as_py() if at + 1 < len(ids) else None

    def ids(self, query: Query) -> list[str]:
        """The ids of all videos of a view, in its order."""
        with self._lock:
            table = self._current()
            found: list[str] = table["video_id"].take(self._order(table, query)).to_pylist()
            return found

    # -- choosing ----------------------------------------------------------------------------------------------------

    def _order(self, table: pa.Table, query: Query) -> pa.Array:
        """Positions of the rows of a view in `table`, in its order."""
        mask: Any = None
        for part in self._masks(table, query):
            mask = part if mask is None else pc.and_(mask, part)
        at = pa.array(range(0)) if not table.num_rows else pa.array(_numbers(table.num_rows))
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
        masks += [_mask(self._column(table, c.column), c) for c in query.where]
        if terms := query.terms:
            named = [
                pc.or_(_holds(table["uri"], term), pc.fill_null(_holds(table["video_id"], term), False))
                for term in terms
            ]
            told = pc.is_in(table["video_id"], value_set=self._told(tuple(terms)))
            masks.append(pc.or_(_all(named), told))
        return masks

    def _told(self, terms: tuple[str, ...]) -> pa.Array:
        """Ids of the videos whose long caption holds all terms."""
        if terms not in self._found:
            holds = [pc.match_substring(pc.utf8_lower(pc.field("caption")), term.lower()) for term in terms]
            where = holds[0]
            for one in holds[1:]:
                where = where & one
            ids = self._store.dataset.read(["video_id"], where)["video_id"]
            self._found[terms] = ids.combine_chunks()
            while len(self._found) > _REMEMBERED:
                self._found.popitem(last=False)
        return self._found[terms]

    def _column(self, table: pa.Table, name: str) -> Any:
        return self._metadata_of(name) if name.startswith(_METADATA) else table[name]

    # -- building ----------------------------------------------------------------------------------------------------

    def _current(self) -> pa.Table:
        """The table as the output is now, or was a moment ago."""
        now = time.monotonic()
        wait_s = max(_LOOK_S, self._took_s * _REBUILD)
        if self._table is not None and now - self._looked < wait_s and self._annotated == self._annotations.version():
            return self._table
        store = self._store
        versions = tuple(t.version() for t in (store.videos, store.dataset, store.filtered, store.failures))
        annotated = self._annotations.version()
        if self._table is None or versions != self._versions:
            self._found.clear()
            self._metadata.clear()
            self._table = _build(store)
            self._names = _metadata_names(store)
            self._annotated = -1
        if annotated != self._annotated:
            self._table = _with_verdicts(self._table, self._annotations.all())
        self._versions, self._annotated = versions, annotated
        self._took_s = time.monotonic() - now
        self._looked = time.monotonic()
        return self._table

    def _metadata_of(self, name: str) -> pa.Array:
        """A column of the manifest as text, or as numbers where all its values are; read when it is asked for."""
        if name not in self._metadata:
            assert self._table is not None
            read = self._store.videos.read(["video_id", "metadata"])
            texts = [_value(text, name.removeprefix(_METADATA)) for text in read["metadata"].to_pylist()]
            made = _array(texts)
            at = pc.index_in(self._table["video_id"], value_set=read["video_id"].combine_chunks())
            self._metadata[name] = made.take(at.combine_chunks())
        return self._metadata[name]


def _build(store: Store) -> pa.Table:
    """One row a video that the output knows, in whichever table."""
    videos = store.videos.read([n for n in rows.VIDEO.names if n not in {"metadata", "parts", *_LEFT_OUT}])
    scalars = [n for n in rows.LONG_CAPTION.names if n not in {*_TEXTS, *_LEFT_OUT}]
    made, left_out = store.dataset.read(scalars), store.filtered.read(scalars)
    failed = store.failures.read(["video_id", "uri", "segment_index", "class", "message", "time"])
    ids = pc.unique(pa.chunked_array([c for t in (videos, made, left_out, failed) for c in t["video_id"].chunks]))
    if not len(ids):
        ids = pa.array([], pa.string())
    at = {name: pc.index_in(ids, value_set=_flat(table["video_id"])) for name, table in
          (("videos", videos), ("made", made), ("left_out", left_out))}  # fmt: skip
    columns: dict[str, Any] = {"video_id": ids}
    for name in scalars[1:]:
        parts = [_flat(t[name]).take(at[k]) for k, t in (("made", made), ("left_out", left_out))]
        if name in videos.column_names:
            parts.append(_flat(videos[name]).take(at["videos"]))
        columns[name] = pc.coalesce(*parts)
    columns["size_bytes"] = _flat(videos["size_bytes"]).take(at["videos"])
    newest = failed.sort_by([("time", "descending")])
    fail_at = pc.index_in(ids, value_set=_flat(newest["video_id"]))
    columns["uri"] = pc.coalesce(columns["uri"], _flat(newest["uri"]).take(fail_at))
    probing = _flat(videos["failure"]).take(at["videos"])
    for name, field in (("failure_class", "class"), ("failure_message", "message")):
        columns[name] = pc.coalesce(_flat(newest[field]).take(fail_at), pc.struct_field(probing, field))
    done, out = pc.is_valid(at["made"]), pc.is_valid(at["left_out"])
    columns["state"] = pc.case_when(
        pc.make_struct(done, out, pc.is_valid(columns["failure_class"])), "captioned", "filtered", "failed", "waiting"
    )
    columns["name"] = pc.replace_substring_regex(columns["uri"], r"^.*/([^/])", r"\1")
    columns["flags"] = _flags(columns, done)
    columns["verdict"] = pa.nulls(len(ids), pa.string())
    order = [*_MADE[:4], "duration_s", "words", "coverage", "integrity"]
    return pa.table({name: columns[name] for name in dict.fromkeys(["video_id", *order, *columns])})


def _flags(columns: dict[str, Any], done: Any) -> Any:
    """What asks for a look, as words with commas between; empty where nothing does."""
    tests = {
        "not whole": pc.invert(columns["integrity"]),
        "gaps": pc.less(columns["coverage"], 0.9995),
        "damaged": pc.greater(columns["damaged_packets"], 0),
        "incomplete file": pc.is_valid(columns["incomplete"]),
        "segments missing": pc.less(columns["segments_captioned"], columns["segments"]),
        "segments failed": pc.and_(done, pc.is_valid(columns["failure_class"])),
    }
    words = [pc.if_else(pc.and_(done, pc.fill_null(test, False)), f"{word}, ", "") for word, test in tests.items()]
    return pc.utf8_rtrim(pc.binary_join_element_wise(*words, pa.scalar("")), ", ")


def _with_verdicts(table: pa.Table, annotations: pa.Table) -> pa.Table:
    """The column `verdict`: accept or reject where somebody has said so of the long caption as a whole.

    Whether it was this caption or an earlier one is told on the video's own page: here no hash is compared.
    """
    undone: set[str] = set()
    newest: dict[str, str] = {}
    events = annotations.select(["annotation_id", "video_id", "kind", "section_index", "undoes", "time"]).sort_by(
        "time"
    )
    for row in reversed(events.to_pylist()):
        if row["annotation_id"] in undone:
            continue
        if row["kind"] == "undo":
            undone.add(row["undoes"])
        elif row["kind"] in VERDICTS and row["section_index"] is None:
            newest.setdefault(row["video_id"], row["kind"])
    at = pc.index_in(table["video_id"], value_set=pa.array(list(newest), pa.string()))
    verdicts = pa.array(list(newest.values()), pa.string()).take(_flat(at))
    return table.set_column(table.column_names.index("verdict"), "verdict", verdicts)


def _mask(column: Any, condition: Condition) -> Any:
    """Which rows keep a condition; null where they have no value."""
    kind, value = column.type, condition.value
    if condition.operator == "~":
        return _holds(column.cast(pa.string()), value)
    if value == "":  # `incomplete=`: has none; `incomplete!=`: has one
        return pc.is_null(column) if condition.operator == "=" else pc.is_valid(column)
    scalar: Any = value
    if pa.types.is_boolean(kind):
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if value.lower() not in words:
            raise UsageError(f"{condition} compares yes or no with {value!r}; write true or false")
        scalar = words[value.lower()]
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        try:
            scalar = float(value)
        except ValueError:
            raise UsageError(f"{condition} compares numbers with {value!r}; write a number, as in words>=100") from None
        column = column.cast(pa.float64())
    compare = {
        "=": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal,
    }[condition.operator]  # fmt: skip
    return compare(column, scalar)


def _holds(column: Any, text: str) -> Any:
    return pc.match_substring(pc.utf8_lower(column), text.lower())


def _all(masks: list[Any]) -> Any:
    whole = masks[0]
    for mask in masks[1:]:
        whole = pc.and_(whole, mask)
    return whole


def _flat(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _numbers(count: int) -> Any:
    import numpy as np

    return np.arange(count, dtype=np.int64)


def _metadata_names(store: Store) -> list[str]:
    """The columns of manifests, from the first rows of the table: `metadata.license` for one."""
    import json

    found: dict[str, None] = {}
    for fragment in store.videos.fragments()[:3]:
        for text in fragment.head(200, columns=["metadata"])["metadata"].to_pylist():
            try:
                value = json.loads(text or "{}")
            except ValueError:
                continue
            if isinstance(value, dict):
                found.update(dict.fromkeys(value))
    return [f"{_METADATA}{name}" for name in list(found)[:100]]


def _value(text: str | None, name: str) -> Any:
    import json

    if not text or name not in text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value.get(name) if isinstance(value, dict) else None


def _array(values: list[Any]) -> pa.Array:
    known = [v for v in values if v is not None]
    if known and all(isinstance(v, int | float) and not isinstance(v, bool) for v in known):
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    return pa.array([None if v is None else str(v) for v in values], pa.string())
