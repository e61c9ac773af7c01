"""`clip_scores` and `weigh`: sub-scores of clips from measurements, and their weighted sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.analysis.columns import Columns, columns_of
from operators.analysis.facts import Facts
from operators.core.base import Apply, Operator, Row

_MEASURED = tuple(Columns.__annotations__)
CLIP_SCORE = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("length_s", pa.float64()),
        *(pa.field(name, pa.float64()) for name in _MEASURED),  # of operators.analysis.columns; null: not measured
    ]
)
SUITABILITY = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("score", pa.float64()),
        pa.field("kept", pa.bool_()),
        pa.field("missing", pa.list_(pa.string())),  # weighted fields that were not measured, which count as 0
    ]
)


@dataclass(frozen=True, kw_only=True)
class ClipScores(Operator):
    """Collects the measurements of `measure` in each span of the list `of`; writes `clip_scores`."""

    name: ClassVar[str] = "clip_scores"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"facts"})
    writes: ClassVar[frozenset[str]] = frozenset({"clip_scores"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"clip_scores": pa.list_(CLIP_SCORE)}

    of: Annotated[str, Field(min_length=1, description="the list of spans")] = "clips"

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", type(self).reads | {self.of})

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield self._apply

    def _apply(self, row: Row) -> Row:
        whole = Facts.parse(row["facts"]) if row["facts"] else None
        found = []
        for span in row[self.of] or ():
            low, high = float(span["start_s"]), float(span["end_s"])
            columns = columns_of(whole.slice(low, high) if whole else None, whole=True)
            numbers = {name: None if value is None else float(value) for name, value in columns.items()}  # type: ignore[arg-type]
            found.append({"start_s": low, "end_s": high, "length_s": high - low, **numbers})
        return {**row, "clip_scores": found}


@dataclass(frozen=True, kw_only=True)
class Weigh(Operator):
    """Computes a weighted sum of the numbers of each item in `of`, clipped to 0 to `most`; writes `suitability`.

    It does not remove items: an item below `threshold` is listed with `kept` false.
    """

    name: ClassVar[str] = "weigh"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset()
    writes: ClassVar[frozenset[str]] = frozenset({"suitability"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"suitability": pa.list_(SUITABILITY)}

    of: Annotated[str, Field(min_length=1, description="the list of items with numbers")] = "clip_scores"
    weights: Annotated[Mapping[str, float], Field(description="field of an item -> its weight")] = field(
        default_factory=dict
    )
    bias: Annotated[float, Field(description="added to the weighted sum")] = 0.0
    most: Annotated[float, Field(gt=0, description="upper limit of the score")] = 5.0
    threshold: Annotated[float, Field(description="least score of a kept item")] = 2.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", frozenset({self.of}))

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "suitability": [self._weighed(item) for item in row[self.of] or ()]}

    def _weighed(self, item: Row) -> Row:
        values = {name: item.get(name) for name in self.weights}
        total = self.bias + sum(self.weights[name] * float(value or 0.0) for name, value in values.items())
        score = round(min(self.most, max(0.0, total)), 4)
        missing = [name for name, value in values.items() if value is None]
        at = {"start_s": item["start_s"], "end_s": item["end_s"]}
        return {**at, "score": score, "kept": score >= self.threshold, "missing": missing}
