"""The specification of a stored table: its level, parents and steps, and the resulting schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pyarrow as pa

from operators.core import rows
from operators.core.base import Level, Operator
from pipeline.terminal.errors import UsageError

WORD = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""Pattern of the names of tables, steps, pools and finished outputs."""
VIDEOS = "videos"
"""The first table: the listed and probed videos. It is not made by steps."""
LEVELS: tuple[Level, ...] = ("segment", "video", "run")
CORE: dict[str, Level] = {"segments": "segment", "dataset": "video"}
"""The two tables that every job makes, and their levels."""
_AROUND: dict[str, list[pa.Field]] = {  # before and after what the steps write
    "segment": [rows.SEGMENT.field(n) for n in ("video_id", "segment_index", "key", "uri", "start_s", "end_s")],
    "video": [rows.SEGMENT.field(n) for n in ("video_id", "key", "uri")],
    "run": [pa.field("table", pa.string()), rows.SEGMENT.field("key")],
}
_OUTSIDE = [rows.COLUMNS[name] for name in ("content_hash", "run_id", "host", "timings")]
_GATHERED = frozenset({"captioned", "captioned_indices"})
"""Columns that a video gets from its segments. Steps may replace them; the table of segments has the originals."""
_TYPES = {f.name: f.type for f in (*rows.LONG_CAPTION, *rows.COLUMNS.values())}
_BOTH_LEVELS = {("segment", "windows"): rows.COLUMNS["windows"].type, ("video", "windows"): pa.int32()}


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """The specification of a stored table.

    Attributes:
        parents: tables that its rows are made from; `NAME.TABLE` is a table of the finished output `inputs.NAME`.
        steps: operators in the order in which they are applied.
        missing: whether a row with permanently failed parent rows is made without them (partial) or not made (fail).
    """

    name: str
    level: Level
    parents: tuple[str, ...]
    steps: tuple[Operator, ...]
    missing: Literal["partial", "fail"] = "partial"

    @property
    def core(self) -> bool:
        """Whether it is `segments` or `dataset`."""
        return self.name in CORE

    @cached_property
    def kept(self) -> dict[str, pa.DataType]:
        """The stored columns that its steps write."""
        found: dict[str, pa.DataType] = {}
        for op in self.steps:
            for column in sorted(op.writes - op.passing - _GATHERED):
                found[column] = column_type(op, column)
        return found

    @cached_property
    def further(self) -> list[pa.Field]:
        """For `segments` and `dataset`: the columns that steps add to the fixed ones."""
        return [pa.field(n, t) for n, t in self.kept.items() if n not in rows.CORE[self.name].names]

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of its stored rows."""
        if self.core:
            return rows.joined(rows.CORE[self.name], self.further)
        outside = [f for f in _OUTSIDE if f.name not in self.kept]
        around = [f for f in _AROUND[self.level] if f.name not in self.kept]
        return pa.schema([*around, *(pa.field(n, t) for n, t in self.kept.items()), *outside])


def column_type(op: Operator, column: str) -> pa.DataType:
    """Arrow type of a column that an operator writes.

    Raises:
        UsageError: the type is not declared.
    """
    known = op.types.get(column) or _BOTH_LEVELS.get((op.level, column)) or _TYPES.get(column)
    if known is None:
        raise UsageError(f"operator {op.name} writes the column {column} and says no type of it: add it to its types")
    return known
