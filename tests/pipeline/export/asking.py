"""A step of tests: a table with questions, pairs and vectors of each segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from operators.core.base import Apply, Operator, Row


@dataclass(frozen=True, kw_only=True)
class Asking(Operator):
    """Asks what the time is at the start of a segment."""

    name: ClassVar[str] = "asking"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"start_s", "end_s"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "question": pa.string(),
        "answer": pa.string(),
        "chosen": pa.string(),
        "rejected": pa.string(),
        "good": pa.float64(),
        "bad": pa.float64(),
        "embedding": pa.list_(pa.float32()),
    }
    writes: ClassVar[frozenset[str]] = frozenset(types)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, **_said(row["start_s"])}


def _said(start_s: float) -> Row:
    return {
        "question": f"Which <video> starts at {start_s:g} s?",
        "answer": f"The one at {start_s:g} s.",
        "chosen": f"It starts at {start_s:g} s.",
        "rejected": "It starts never.",
        "good": 0.9,
        "bad": 0.1 if start_s else 0.8,
        "embedding": [start_s, 1.0, 2.0],
    }
