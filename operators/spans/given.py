"""`spans`: a list of spans from the config, for each video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Level, Operator, Row
from operators.spans.pieces import SPAN


@dataclass(frozen=True, kw_only=True)
class Spans(Operator):
    """Writes `spans`: the spans of `of` that begin before the video ends, clipped at its end."""

    name: ClassVar[str] = "spans"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"spans"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"spans": pa.list_(SPAN)}

    of: Annotated[tuple[tuple[float, float], ...], Field(min_length=1, description="[start, end] of each, in s")]

    def __post_init__(self) -> None:
        for start_s, end_s in self.of:
            if not 0 <= start_s < end_s:
                raise ValueError(f"of has [{start_s:g}, {end_s:g}]; a span is [start, end] in s, 0 <= start < end")

    @contextmanager
    def open(self) -> Iterator[Apply]:
        def apply(row: Row) -> Row:
            length_s = float(row["duration_s"])
            found = [{"start_s": a, "end_s": min(b, length_s)} for a, b in self.of if a < length_s]
            if not found:
                raise ItemError("invalid", f"it lasts {length_s:g} s, and all spans begin after its end")
            return {**row, "spans": found}

        yield apply
