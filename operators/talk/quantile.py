"""The operators `quantile` and `keep_best`: keep the captions of a whole output with the highest scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from operators.core.base import Apply, Level, Operator, Row
from operators.talk.items import ALIGNED


@dataclass(frozen=True, kw_only=True)
class Quantile(Operator):
    """Computes the score that the best share `keep` of all captions of a table reach: a row of level run.

    Writes `threshold`, null without captions; `captions`, the number with a score; `kept`, the number that reach the
    threshold, which is larger than the share if several have exactly this score. The result does not depend on the
    order of the rows. All scores are held in memory, 8 bytes each. A table of videos made from this one and the
    captions' table drops the others: see `keep_best`.
    """

    name: ClassVar[str] = "quantile"
    version: ClassVar[int] = 2
    level: ClassVar[Level] = "run"
    pool: ClassVar[str] = "talk"
    reads: ClassVar[frozenset[str]] = frozenset({"tables"})
    writes: ClassVar[frozenset[str]] = frozenset({"threshold", "captions", "kept"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "threshold": pa.float64(),
        "captions": pa.int64(),
        "kept": pa.int64(),
    }

    of: Annotated[str, Field(pattern="[a-z][a-z0-9_]*", description="the list whose items have a score")] = "aligned"
    keep: Annotated[float, Field(gt=0, le=1, description="share of all captions to keep, the best ones")]

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, **self._reached(row)}

    def _reached(self, row: Row) -> Row:
        parts = [self._scores(batch) for t in row["tables"].values() for batch in self._batches(t)]
        scores = np.concatenate([np.zeros(0), *parts])
        if not len(scores):
            return {"threshold": None, "captions": 0, "kept": 0}
        place = len(scores) - max(1, round(self.keep * len(scores)))
        threshold = float(np.partition(scores, place)[place])
        return {"threshold": threshold, "captions": len(scores), "kept": int((scores >= threshold).sum())}

    def _batches(self, table: Any) -> Iterator[pa.RecordBatch]:
        if self.of in table.schema.names:  # other tables, such as `videos`, may be parents too
            yield from table.batches([self.of])

    def _scores(self, batch: pa.RecordBatch) -> NDArray[np.float64]:
        items = pc.list_flatten(batch[self.of])
        found: NDArray[np.float64] = pc.drop_null(pc.struct_field(items, "score")).to_numpy(zero_copy_only=False)
        return found.astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class KeepBest(Operator):
    """Keeps the items of the list `of` whose score reaches the column `threshold` of `quantile`.

    Writes the list `to`, ordered by time, and `dropped`, the number of other items, including those without a score.
    The table is of videos, made from the table with the list and the table of `quantile`.
    """

    name: ClassVar[str] = "keep_best"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "talk"
    reads: ClassVar[frozenset[str]] = frozenset()
    writes: ClassVar[frozenset[str]] = frozenset()

    of: Annotated[str, Field(pattern="[a-z][a-z0-9_]*", description="the list of `align`")] = "aligned"
    to: Annotated[str, Field(pattern="[a-z][a-z0-9_]*", description="the list of kept items")] = "best"

    def __post_init__(self) -> None:
        types: Mapping[str, pa.DataType] = {self.to: pa.list_(ALIGNED), "dropped": pa.int64()}
        for name, value in (
            ("reads", frozenset({self.of, "threshold"})),
            ("writes", frozenset({self.to, "dropped"})),
            ("types", types),
        ):
            object.__setattr__(self, name, value)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, **self._kept(row)}

    def _kept(self, row: Row) -> Row:
        every, least = row[self.of] or [], row["threshold"]
        kept = [c for c in every if least is not None and c["score"] is not None and c["score"] >= least]
        kept.sort(key=lambda c: (c["start_s"], c["end_s"], c["text"]))
        return {self.to: kept, "dropped": len(every) - len(kept)}
