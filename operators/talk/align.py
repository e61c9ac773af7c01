"""The operator `align`: move captions to the frames that they fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from operators.core.base import Apply, ItemError, Level, Needs, Operator, Row
from operators.core.fingerprint import identity
from operators.embedding.embedders.base import EmbedderSpec, RunningEmbedder
from operators.embedding.embedders.registry import AnyEmbedder
from operators.embedding.match import span_score
from operators.embedding.vectors import Vectors, unpacked
from operators.talk.items import ALIGNED, CAPTION


@dataclass(frozen=True, kw_only=True)
class Align(Operator):
    """Moves each caption of the list `of` to the span of equal length, within `search_s`, whose frames it fits best.

    Reads `frame_vectors` of a table of segments that `embed` wrote; the captions are embedded here with the same
    image–text model.
    Writes `aligned` (`operators.talk.items.ALIGNED`) and `not_alignable`, the share of captions whose score is below
    `min_score`; null without captions.
    """

    name: ClassVar[str] = "align"
    version: ClassVar[int] = 2
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "embed"
    reads: ClassVar[frozenset[str]] = frozenset()
    writes: ClassVar[frozenset[str]] = frozenset({"aligned", "not_alignable"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"aligned": pa.list_(ALIGNED), "not_alignable": pa.float64()}

    embedder: Annotated[AnyEmbedder, Field(description="the image–text model that embedded the frames")]
    of: Annotated[str, Field(pattern="[a-z][a-z0-9_]*", description="the list of captions, with start_s, end_s, text")]
    search_s: Annotated[
        float, Field(ge=0, le=86_400, description="largest shift of a caption, in s; 10 in HowToCaption")
    ] = 10.0
    step_s: Annotated[float, Field(ge=0.01, description="step of the shift, in s; 1 in HowToCaption")] = 1.0
    min_score: Annotated[
        float, Field(ge=-1, le=1, description="cosine below which a caption is not alignable; models differ")
    ] = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", frozenset({self.of, "frame_vectors", "duration_s"}))

    def identity_extra(self) -> dict[str, Any]:
        return {"embedder": identity(self._model)}

    @property
    def _model(self) -> EmbedderSpec:
        if self.embedder is None:
            raise ValueError("align.embedder is null; name the image–text model that embedded the frames")
        return self.embedder

    def needs(self) -> Needs:
        return Needs(cpus=1.0, gpus=self._model.gpus)

    def check(self, *, elsewhere: bool = False) -> None:
        self._model.check(elsewhere=elsewhere)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        with self._model.open() as running:
            yield lambda row: {**row, **self._aligned(row, running)}

    def _aligned(self, row: Row, running: RunningEmbedder) -> Row:
        captions: list[Row] = row[self.of] or []
        frames = sorted(row["frame_vectors"] or (), key=lambda v: v["start_s"])
        shown = unpacked([v["vector"] for v in frames])
        written = running.texts([c["text"] for c in captions])
        if len(shown) and len(written) and shown.shape[1] != written.shape[1]:
            raise ItemError(
                "invalid",
                f"frames have {shown.shape[1]} dimensions and captions {written.shape[1]}: embed both with one model",
            )
        spans = np.array([(v["start_s"], v["end_s"]) for v in frames], np.float64).reshape(-1, 2)
        found = [
            self._one(caption, vector, shown, spans, float(row["duration_s"]))
            for caption, vector in zip(captions, written, strict=True)
        ]
        lost = [c for c in found if not c["alignable"]]
        return {"aligned": found, "not_alignable": len(lost) / len(found) if found else None}

    def _one(self, caption: Row, vector: Any, shown: Vectors, spans: NDArray[Any], duration_s: float) -> Row:
        start_s, length_s = caption["start_s"], caption["end_s"] - caption["start_s"]
        best: tuple[float, float] | None = None
        steps = int(self.search_s / self.step_s + 1e-9)
        for move in sorted(range(-steps, steps + 1), key=lambda k: (abs(k), k)):  # of equal scores the smallest shift
            low = start_s + move * self.step_s
            if move and not -1e-9 <= low <= duration_s - length_s + 1e-9:
                continue
            score = span_score(vector, shown, spans, low, low + length_s)
            if score is not None and (best is None or score > best[0] + 1e-6):
                best = (score, low)
        at = start_s if best is None else best[1]
        return {
            **{name: caption.get(name) for name in (f.name for f in CAPTION)},
            "start_s": at,
            "end_s": at + length_s,
            "original_start_s": start_s,
            "score": None if best is None else best[0],
            "alignable": best is not None and best[0] >= self.min_score,
        }
