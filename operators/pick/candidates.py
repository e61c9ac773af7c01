"""`candidates`: list the captions that several tables have of the same window."""

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
    """Lists the window captions of the tables from which a segment is made; writes `candidates`, one item per window.

    A table without the segment or without a valid caption of the window has no option.
    """

    name: ClassVar[str] = "candidates"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "ask"
    reads: ClassVar[frozenset[str]] = frozenset({"parents"})
    writes: ClassVar[frozenset[str]] = frozenset({"candidates"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"candidates": pa.list_(CANDIDATES)}

    tables: Annotated[tuple[str, ...], Field(description="tables of the captions; (): all parents with windows")] = ()

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
            raise ItemError("gate", "none of its parent tables has a valid caption of it")
        return [windows[index] for index in sorted(windows)]
