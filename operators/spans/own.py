"""`own`: of a list of a whole video the items that start in the segment; `split`: longer spans in pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, Level, Operator, Row

SPAN = pa.struct([pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())])

_SLIVER_S = 1e-6


@dataclass(frozen=True, kw_only=True)
class Own(Operator):
    """Leaves in the list `of` the spans that start in the segment, so that each is worked on once.

    A segment also gets those that start before it and reach into it, and those of what is decoded around it.
    """

    name: ClassVar[str] = "own"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"start_s", "end_s"})
    writes: ClassVar[frozenset[str]] = frozenset()

    of: Annotated[str, Field(min_length=1, description="the list of spans")]

    def __post_init__(self) -> None:
        columns = {
            "reads": type(self).reads | {self.of},
            "writes": frozenset({self.of}),
            "types": {self.of: pa.list_(SPAN)},
            "passing": frozenset({self.of}),
        }
        for name, value in columns.items():
            object.__setattr__(self, name, value)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        def apply(row: Row) -> Row:
            own = [s for s in row[self.of] or () if row["start_s"] <= s["start_s"] < row["end_s"]]
            return {**row, self.of: [{"start_s": s["start_s"], "end_s": s["end_s"]} for s in own]}

        yield apply


@dataclass(frozen=True, kw_only=True)
class Split(Operator):
    """Cuts the spans of the list `of` into pieces of `length_s`; writes the list `to`.

    Spans up to `longest_s` stay whole. A remainder shorter than `least_s` is left out.
    """

    name: ClassVar[str] = "split"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset()
    writes: ClassVar[frozenset[str]] = frozenset()

    of: Annotated[str, Field(min_length=1, description="the list of spans; those whose `kept` is false are left out")]
    to: Annotated[str, Field(pattern="[a-z][a-z0-9_]*", description="the list of pieces")] = "clips"
    length_s: Annotated[float, Field(gt=0, description="length of a piece in s")] = 30.0
    longest_s: Annotated[float, Field(ge=0, description="a span up to this long stays whole; 0: length_s")] = 0.0
    least_s: Annotated[float, Field(ge=0, description="a shorter remainder is left out, in s")] = 0.0

    def __post_init__(self) -> None:
        types: Mapping[str, pa.DataType] = {self.to: pa.list_(SPAN)}
        for name, value in (
            ("reads", frozenset({self.of})),
            ("writes", frozenset({self.to})),
            ("types", types),
        ):
            object.__setattr__(self, name, value)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, self.to: [piece for span in row[self.of] or () for piece in self._pieces(span)]}

    def _pieces(self, span: Row) -> Iterator[Row]:
        if span.get("kept") is False:
            return
        start_s, end_s = float(span["start_s"]), float(span["end_s"])
        whole = end_s - start_s <= max(self.longest_s, self.length_s) + _SLIVER_S
        length_s = end_s - start_s if whole else self.length_s
        count = 0
        while (low := start_s + count * length_s) < end_s - _SLIVER_S:
            high = min(low + length_s, end_s)
            if high - low >= self.least_s:
                yield {"start_s": low, "end_s": high}
            count += 1
