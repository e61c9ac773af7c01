"""`text_scores`: measure how close each text of a video is to the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from operators.core.base import Apply, Level, Operator, Row
from operators.embedding.vectors import unit, unpacked

TEXT_SCORE = pa.struct(
    [
        pa.field("unit", pa.string()),  # as in `text_vectors`
        pa.field("index", pa.int32()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("score", pa.float64()),  # cosine with the mean of the other texts of its unit; null if there are none
    ]
)


@dataclass(frozen=True, kw_only=True)
class TextScores(Operator):
    """Compares each of `text_vectors` with the mean of the others of its unit; writes `text_scores`."""

    name: ClassVar[str] = "text_scores"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "match"
    reads: ClassVar[frozenset[str]] = frozenset({"text_vectors"})
    writes: ClassVar[frozenset[str]] = frozenset({"text_scores"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"text_scores": pa.list_(TEXT_SCORE)}

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "text_scores": list(self._scores(row["text_vectors"] or []))}

    def _scores(self, texts: list[Row]) -> Iterator[Row]:
        vectors = unpacked([bytes(t["vector"]) for t in texts])
        for k, text in enumerate(texts):
            others = [i for i, other in enumerate(texts) if other["unit"] == text["unit"] and i != k]
            score = float(unit(vectors[others].sum(0)[None])[0] @ vectors[k]) if others else None
            yield {**{name: text[name] for name in ("unit", "index", "start_s", "end_s")}, "score": score}
