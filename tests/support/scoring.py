"""A test step that scores whole videos like `match` and `rate`, by their duration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from operators.core.base import Apply, Level, Operator


@dataclass(frozen=True, kw_only=True)
class Scoring(Operator):
    """Writes a score of 1/20 and a rating of 1/2 of the seconds of a video."""

    name: ClassVar[str] = "scoring"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"duration_s"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"match_score": pa.float64(), "rating": pa.float64()}
    writes: ClassVar[frozenset[str]] = frozenset(types)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "match_score": row["duration_s"] / 20, "rating": row["duration_s"] / 2}
