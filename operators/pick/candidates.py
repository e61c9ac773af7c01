"""`candidates`: what several tables say of the same window, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Operator, Row

OPTION = pa.struct([pa.field("table", pa.string()), pa.field("text", pa.string())])
CANDIDATES = pa.struct(
    [
        pa.field("window_index", pa.int32()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("options", pa.list_(OPTION)),  # valid captions only, in the order of the tables
    ]
)


@dataclass(frozen=True, kw_only=True)
class Candidates(Operator):
    """Lines up the window captions of the tables that a segment is made from; writes `candidates`, one item a window.

    A table whose caption of a window is not valid, or which lacks the segment, has no option there.
    """

    name: ClassVar[str] = "candidates"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "ask"
    reads: ClassVar[frozenset[str]] = frozenset({"parents"})
    writes: ClassVar[frozenset[str]] = frozenset({"candidates"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"candidates": pa.list_(CANDIDATES)}

    tables: Annotated[
        tuple[str, ...], Field(description="whose captions; (): of all tables that it is made from with windows")
    ] = ()

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "candidates": self._candidates(row["parents"])}

    def _candidates(self, parents: Mapping[str, Row | None]) -> list[Row]:
        for name in self.tables:
            if name not in parents:
                raise ItemError("invalid", f"candidates.tables names {name}; the row is made from {', '.join(parents)}")
        windows: dict[int, dict[str, Any]] = {}
        for name in self.tables or parents:
            for window in (parents[name] or {}).get("windows") or ():
                at = {key: window[key] for key in ("window_index", "start_s", "end_s")}
                found = windows.setdefault(window["window_index"], {**at, "options": []})
                if window["valid"]:
                    found["options"].append({"table": name, "text": window["text"]})
        if not any(window["options"] for window in windows.values()):
            raise ItemError("gate", "no table that it is made from has a valid caption of it")
        return [windows[index] for index in sorted(windows)]
