"""Reads what a row is made from: the rows of its parents and the facts of its video. Keys travel, texts do not.

What a parent brings stands under the columns' own names; of two parents that bring the same column, the first counts.
The rows as a whole stand in `parents`, table -> row. A parent of segments gives a video the list of its rows, under
the table's name (of `segments`, as `captioned`), and of its columns that are lists of spans, such as vectors of frames,
the lists of all its segments as one. Of lists of a whole video whose items have a start and an end, such as lines of
speech, a segment gets the items that stand in what it decodes: a row of the plan must not carry a film's.

With windows by lines, the segment itself lies where the lines of its video say: a row of the plan, which is made before
anything is heard, has the segment of the grid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from operators.core import rows
from operators.core.base import Apply, ItemError, Level, Operator, Row
from operators.core.grid import Grid, Span
from operators.core.spoken import talk_of
from operators.core.windows import WindowRule, Windows
from operators.store.reader import TableReader
from operators.store.store import Store

VIDEO_WORK = pa.schema(
    [
        *(rows.SEGMENT.field(n) for n in ("video_id", "uri", "access_uri", "source_version", "segment_count", "key")),
        rows.PARENT_KEYS,
        *(rows.SEGMENT.field(n) for n in ("passes", "attempts")),
    ]
)
"""Rows of the plan for a table of videos, or for one of the whole output."""

_FACTS = [n for n in rows.VIDEO.names if n not in ("failure", "run_id", "video_id", "uri", "source_version")]


@dataclass(frozen=True, kw_only=True)
class Parent:
    """A table that rows are made from.

    Attributes:
        name: as the recipe names it.
        uri: where it lies.
        schema: the columns to read.
        level: of its rows.
    """

    name: str
    uri: str
    schema: pa.Schema
    level: Level

    @property
    def column(self) -> str:
        """Under which a video finds the list of its rows."""
        return list_of(self.name)

    def table(self) -> TableReader:
        return TableReader(self.uri, self.schema)

    def rows(self, table: TableReader, keys: Mapping[str, str | None]) -> list[Row]:
        """The rows that something is made from, by their key: none of another config or source version.

        Args:
            table: from `table()`.
            keys: table -> key, as the plan has them; None: it is made without.

        Raises:
            ItemError: they are not there any more.
        """
        key = keys.get(self.name)
        found: list[Row] = [] if key is None else table.lookup("key", key).to_pylist()
        if key is not None and not found and self.level != "segment":
            raise ItemError("internal", f"the row of {self.name} that it is made from is not there")
        return found


@dataclass(frozen=True, kw_only=True)
class ByLines:
    """How segments are cut with `plan.windows: lines`.

    Attributes:
        speech: the parent whose column `speech` has the lines.
        warm_up: windows that are decoded before a segment.
    """

    speech: str
    window_s: float
    stride_s: float
    line_reach_s: float
    warm_up: int

    def windows(self, duration_s: float, lines: Sequence[Row] | None) -> Windows:
        """Where the windows of a video lie in which these lines are said."""
        grid = Grid(duration_s, self.window_s, self.stride_s)
        return Windows(grid=grid, rule="lines", talk=talk_of(lines), line_reach_s=self.line_reach_s)

    def cut(self, row: Row, lines: Sequence[Row] | None) -> Row:
        """What of a segment's row changes: its span, and what is decoded for it."""
        windows = self.windows(row["duration_s"], lines)
        span = windows.segment(Span(row["start_s"], row["end_s"]))
        before = windows.before(span, self.warm_up)
        return {
            "start_s": span.start_s,
            "end_s": span.end_s,
            "decode_start_s": min([span.start_s, *(w.span.start_s for w in before)]),
            "decode_end_s": max([span.end_s, *(w.span.end_s for w in windows.of(span))]),
        }

    def check(self, row: Row, found: Mapping[str, Row | None]) -> None:
        """Check that the rows of segments that a segment is made from lie where it lies.

        Raises:
            ItemError: one does not, because the lines of another output are no longer those that cut it.
        """
        own = row["start_s"], row["end_s"]
        for name, parent in found.items():
            span = (parent or {}).get("start_s"), (parent or {}).get("end_s")
            if None not in span and span != own:
                raise ItemError(
                    "internal",
                    f"segment {row['segment_index']} of {name} lies at {span[0]:g} to {span[1]:g} s, and the lines of "
                    f"{self.speech} say {own[0]:g} to {own[1]:g} s: run the recipe that made {name} again",
                )


@dataclass(frozen=True, kw_only=True)
class LoadSegment(Operator):
    """Adds to a segment what its parents hold of it.

    Args:
        by_lines: how it is cut where its edges follow the lines that are said; None: as the grid says.
    """

    name: ClassVar[str] = "load"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"video_id", "segment_index", "parent_keys"})
    writes: ClassVar[frozenset[str]] = frozenset({"parents"})

    of: tuple[Parent, ...]
    by_lines: ByLines | None = None

    @contextmanager
    def open(self) -> Iterator[Apply]:
        tables = [(parent, parent.table()) for parent in self.of]

        def apply(row: Row) -> Row:
            keys = json.loads(row["parent_keys"])
            found: dict[str, Row | None] = {}
            for parent, table in tables:
                mine = parent.rows(table, keys)
                if parent.level == "segment":
                    mine = [r for r in mine if r["segment_index"] == row["segment_index"]]
                if keys.get(parent.name) is not None and not mine:
                    raise ItemError("internal", f"the row of {parent.name} that it is made from is not there")
                found[parent.name] = mine[0] if mine else None
            margin_s = 0.0
            if self.by_lines is not None:
                row = {**row, **self.by_lines.cut(row, (found[self.by_lines.speech] or {}).get("speech"))}
                margin_s = 2 * self.by_lines.line_reach_s  # lines out there still decide where its windows end
                self.by_lines.check(row, {p.name: found[p.name] for p in self.of if p.level == "segment"})
            for parent in self.of:
                if parent.level == "video" and (whole := found[parent.name]) is not None:
                    found[parent.name] = _around(whole, row, margin_s)
            return {**brought(found, row), **row, "parents": found}

        yield apply


@dataclass(frozen=True, kw_only=True)
class LoadVideo(Operator):
    """Adds to a video its probed facts and what its parents hold of it."""

    name: ClassVar[str] = "load"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"video_id", "parent_keys", "segment_count"})
    writes: ClassVar[frozenset[str]] = frozenset({"parents"})

    of: tuple[Parent, ...]
    videos: tuple[str, ...]  # uris of the outputs whose tables of videos hold the facts
    window_s: float
    stride_s: float
    window_rule: WindowRule = "grid"
    min_shot_s: float = 0.0

    @contextmanager
    def open(self) -> Iterator[Apply]:
        tables = [(parent, parent.table()) for parent in self.of]
        stores = [Store(uri) for uri in self.videos]

        def apply(row: Row) -> Row:
            facts = _first(lambda store: store.videos.lookup("video_id", row["video_id"]), stores)
            keys = json.loads(row["parent_keys"])
            found: dict[str, Any] = {}
            lists: dict[str, Any] = {}
            for parent, table in tables:
                mine = parent.rows(table, keys)
                if parent.level != "segment":
                    found[parent.name] = mine[0] if mine else None
                    continue
                mine.sort(key=lambda r: int(r["segment_index"]))
                lists[parent.column] = mine
                if parent.column == "captioned":
                    lists["captioned_indices"] = [r["segment_index"] for r in mine]
                for column in joined_columns(parent.column, parent.schema):
                    if column not in lists:
                        lists[column] = [item for r in mine for item in r[column] or ()]
            return {
                **{name: facts.get(name) for name in _FACTS},
                **brought(found, row),
                **lists,
                "window_s": self.window_s,
                "stride_s": self.stride_s,
                "window_rule": self.window_rule,
                "min_shot_s": self.min_shot_s,
                "segments": row["segment_count"],
                **row,
                "parents": found,
            }

        yield apply


@dataclass(frozen=True, kw_only=True)
class LoadRun(Operator):
    """Gives the tables themselves to a row of the whole output: `tables`, name -> `TableReader`."""

    name: ClassVar[str] = "load"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "run"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset()
    writes: ClassVar[frozenset[str]] = frozenset({"tables"})

    of: tuple[Parent, ...]

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "tables": {parent.name: parent.table() for parent in self.of}}


def list_of(table: str) -> str:
    """The column in which a video gets the list of its rows in a table of segments: `captioned` of `segments`, for that
    name is how many it has."""
    name = table.rpartition(".")[2]
    return "captioned" if name == "segments" else name


def joined_columns(column: str, schema: pa.Schema) -> list[str]:
    """Columns of a table of segments that a video gets as one list: those whose items have a start and an end.

    Captions are read by segment: the table `segments` has none.

    Args:
        column: as `list_of` gives it.
    """
    if column == "captioned":
        return []
    return [f.name for f in schema if pa.types.is_list(f.type) and _is_span(f.type.value_type)]


def _is_span(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and {"start_s", "end_s"} <= {field.name for field in kind}


def _around(parent: Row, segment: Row, margin_s: float = 0.0) -> Row:
    """The row of a video without the items of its lists that lie outside what a segment decodes, and `margin_s`
    around."""
    low, high = segment.get("decode_start_s"), segment.get("decode_end_s")
    if low is None or high is None:
        return parent
    low, high = low - margin_s, high + margin_s

    def stands(item: Any) -> bool:
        timed = isinstance(item, dict) and item.get("start_s") is not None and item.get("end_s") is not None
        return not timed or (item["start_s"] < high and item["end_s"] > low)

    return {
        name: [item for item in value if stands(item)] if isinstance(value, list) else value
        for name, value in parent.items()
    }


def brought(found: dict[str, Row | None], row: Row) -> Row:
    """The columns that parents bring and that the row does not have by itself; of two parents the first counts.

    What a parent cost is not brought: `usage` is of the row itself, or a run's sum would hold it twice.
    """
    brought: Row = {}
    for parent in found.values():
        own = {"usage", *brought, *row}
        brought |= {name: value for name, value in (parent or {}).items() if name not in own}
    return brought


def _first(lookup: Callable[[Store], pa.Table], stores: list[Store]) -> Row:
    for store in stores:
        found: list[Row] = lookup(store).to_pylist()
        if found:
            return found[0]
    return {}
