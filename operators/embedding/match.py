"""The operator `match`: score how well each text fits the frames of its span, and find the best span nearby."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from operators.core.base import Apply, ItemError, Level, Operator, Row
from operators.embedding.vectors import TEXT_VECTOR, Vectors, unit, unpacked

MATCH = pa.struct(
    [
        *(field for field in TEXT_VECTOR if field.name != "vector"),
        pa.field("score", pa.float64()),  # cosine with the mean of the frames in its span; null if there are none
        pa.field("best_start_s", pa.float64()),  # the best span of equal length within search_s
        pa.field("best_score", pa.float64()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Match(Operator):
    """Scores the texts of a video against its frames; the same image–text model must have embedded both.

    Writes `matches` (`MATCH`), one per text vector, and `match_score`, the mean score of the windows, or of all texts
    if there are no windows; null without any.
    """

    name: ClassVar[str] = "match"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "match"
    reads: ClassVar[frozenset[str]] = frozenset({"frame_vectors", "text_vectors", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"matches", "match_score"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"matches": pa.list_(MATCH), "match_score": pa.float64()}

    search_s: Annotated[
        float,
        Field(
            ge=0, le=86_400, description="largest shift of a text in search of the best span, in s; 10 in HowToCaption"
        ),
    ] = 10.0
    step_s: Annotated[float, Field(ge=0.01, description="step of the shift in s")] = 1.0

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, **self._matched(row)}

    def _matched(self, row: Row) -> Row:
        frames, texts = row["frame_vectors"] or [], row["text_vectors"] or []
        shown, phrases = unpacked([v["vector"] for v in frames]), unpacked([v["vector"] for v in texts])
        if len(shown) and len(phrases) and shown.shape[1] != phrases.shape[1]:
            raise ItemError(
                "invalid",
                f"frames have {shown.shape[1]} dimensions and texts {phrases.shape[1]}: embed both with one model",
            )
        spans = np.array([(v["start_s"], v["end_s"]) for v in frames], np.float64).reshape(-1, 2)
        found = [
            {**_about(text), **self._fit(text, vector, shown, spans, row["duration_s"])}
            for text, vector in zip(texts, phrases, strict=True)
        ]
        scored = [m["score"] for m in found if m["score"] is not None and m["unit"] == "window"]
        scored = scored or [m["score"] for m in found if m["score"] is not None]
        return {"matches": found, "match_score": float(np.mean(scored)) if scored else None}

    def _fit(self, text: Row, vector: Any, shown: Vectors, spans: NDArray[Any], duration_s: float) -> Row:
        start_s, end_s = text["start_s"], text["end_s"]
        steps = int(self.search_s / self.step_s + 1e-9)
        moves = sorted(range(-steps, steps + 1), key=lambda k: (abs(k), k))  # of equal scores the smallest shift
        tried = []
        for move in moves:
            low, high = start_s + move * self.step_s, end_s + move * self.step_s
            if move == 0 or (low >= -1e-9 and high <= duration_s + 1e-9):
                score = span_score(vector, shown, spans, low, high)
                if score is not None:
                    tried.append((score, -abs(move), low))
        own = span_score(vector, shown, spans, start_s, end_s)
        best = max(tried, key=lambda t: (round(t[0], 6), t[1]), default=None)
        return {
            "score": own,
            "best_start_s": best[2] if best else None,
            "best_score": best[0] if best else None,
        }


def _about(text: Row) -> Row:
    return {name: value for name, value in text.items() if name != "vector"}


def span_score(vector: Any, shown: Vectors, spans: NDArray[Any], start_s: float, end_s: float) -> float | None:
    """Return the cosine of a text with the mean of the frames in `[start_s, end_s)`, weighted by their time there.

    Args:
        shown, spans: vectors of frames, and the spans that they represent; shapes (n, d) and (n, 2).
    """
    if not len(spans):
        return None
    seconds = np.minimum(spans[:, 1], end_s) - np.maximum(spans[:, 0], start_s)
    inside = seconds > 1e-9
    if not inside.any():
        return None
    mean = unit((shown[inside] * seconds[inside, None]).sum(0))
    return float(mean @ vector)
