"""`split`: cut long spans into pieces; `join_spans`: join adjacent spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import ADDED, Apply, Level, Operator, Row

SPAN = pa.struct([pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())])

_SLIVER_S = 1e-6


@dataclass(frozen=True, kw_only=True)
class Split(Operator):
    """Cuts the spans of the list `of` into pieces of `length_s`; writes the list `to`.

    Spans up to `longest_s` stay whole. A remainder shorter than `least_s` is dropped.
    """

    name: ClassVar[str] = "split"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset()
    writes: ClassVar[frozenset[str]] = frozenset()

    of: Annotated[str, Field(min_length=1, description="the list of spans; spans with `kept` false are skipped")]
    to: Annotated[str, Field(pattern="[a-z][a-z0-9_]*", description="the list of pieces")] = "clips"
    length_s: Annotated[float, Field(ge=0.01, description="length of a piece in s")] = 30.0
    longest_s: Annotated[float, Field(ge=0, description="longest span that is not cut, in s; 0: length_s")] = 0.0
    least_s: Annotated[float, Field(ge=0, description="shorter remainders are dropped, in s")] = 0.0

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


@dataclass(frozen=True, kw_only=True)
class JoinSpans(Operator):
    """Joins adjacent spans of the list `of` of a whole video, such as spans that a segment boundary has divided.

    Writes the list `to`, without joined spans shorter than `min_s`. Spans with `kept` false are skipped.
    """

    name: ClassVar[str] = "join_spans"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset()
    writes: ClassVar[frozenset[str]] = frozenset()

    of: Annotated[str, Field(min_length=1, description="the list of spans")]
    to: Annotated[str, Field(pattern="[a-z][a-z0-9_]*", description="the list of joined spans")]
    gap_s: Annotated[float, Field(ge=0, description="spans with at most this distance are adjacent, in s")] = 0.001
    min_s: Annotated[float, Field(ge=0, description="shorter joined spans are dropped, in s"), ADDED] = 0.0

    def __post_init__(self) -> None:
        types: Mapping[str, pa.DataType] = {self.to: pa.list_(SPAN)}
        for name, value in (("reads", frozenset({self.of})), ("writes", frozenset({self.to})), ("types", types)):
            object.__setattr__(self, name, value)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, self.to: self._joined(row[self.of] or ())}

    def _joined(self, spans: Iterable[Row]) -> list[Row]:
        found: list[Row] = []
        for span in sorted((s for s in spans if s.get("kept") is not False), key=lambda s: float(s["start_s"])):
            start_s, end_s = float(span["start_s"]), float(span["end_s"])
            if found and start_s - found[-1]["end_s"] <= self.gap_s:
                found[-1]["end_s"] = max(found[-1]["end_s"], end_s)
            else:
                found.append({"start_s": start_s, "end_s": end_s})
        return [span for span in found if span["end_s"] - span["start_s"] >= self.min_s - _SLIVER_S]
