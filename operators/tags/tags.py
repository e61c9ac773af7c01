"""`tags`: assign to each caption the label whose description is nearest in meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Level, Needs, Operator, Row
from operators.core.fingerprint import identity
from operators.embedding.embedders.base import EmbedderSpec
from operators.embedding.embedders.minilm import MiniLM
from operators.embedding.embedders.registry import AnyEmbedder
from operators.embedding.vectors import Vectors, mean_of, unpacked

UNKNOWN = "unknown"

TAG = pa.struct(
    [
        pa.field("unit", pa.string()),  # window, section or sentence, as in `text_vectors`
        pa.field("index", pa.int32()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("tag", pa.string()),  # unknown if no label reaches the threshold
        pa.field("nearest", pa.string()),  # the nearest label, whatever its score
        pa.field("score", pa.float32()),  # its cosine
    ]
)


@dataclass(frozen=True, kw_only=True)
class Tags(Operator):
    """Compares `text_vectors` with label descriptions; writes `tags`, one per text, and `topic`, one for the video.

    `topic` is the label nearest to the mean of the window vectors, or of all vectors if there are no windows.
    The embedder must be the one that made the vectors. Nearest neighbours of captions and class descriptions in one
    embedding space: "Tell me what you see" (its abstract); the threshold and `unknown` are added here.
    """

    name: ClassVar[str] = "tags"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "embed"
    reads: ClassVar[frozenset[str]] = frozenset({"text_vectors", "text_embedder"})
    writes: ClassVar[frozenset[str]] = frozenset({"tags", "topic", "topic_score", "tag_counts"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "tags": pa.list_(TAG),
        "topic": pa.string(),
        "topic_score": pa.float32(),
        "tag_counts": pa.list_(pa.struct([("tag", pa.string()), ("count", pa.int32())])),
    }

    labels: Annotated[Mapping[str, str], Field(min_length=1, description="label -> a sentence that describes it")]
    threshold: Annotated[
        float, Field(ge=-1, le=1, description="least cosine of a label, else the tag is unknown; 0.3 suits MiniLM")
    ] = 0.3
    embedder: Annotated[AnyEmbedder, Field(description="embedder of the vectors; null: a small one from a package")] = (
        None
    )

    def __post_init__(self) -> None:
        if UNKNOWN in self.labels:
            raise ValueError(f"labels has {UNKNOWN}, which is reserved for texts without a near label")
        if "texts" not in self._model.modalities:
            raise ValueError("embedder embeds no texts")

    @property
    def _model(self) -> EmbedderSpec:
        return self.embedder if self.embedder is not None else MiniLM()

    def identity_extra(self) -> dict[str, Any]:
        return {"embedder": identity(self._model), "labels": sorted(self.labels.items())}

    def needs(self) -> Needs:
        return Needs(cpus=1.0, gpus=self._model.gpus)

    def check(self, *, elsewhere: bool = False) -> None:
        self._model.check(elsewhere=elsewhere)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        names = list(self.labels)
        with self._model.open() as running:
            known = running.texts([self.labels[name] for name in names])
            yield lambda row: {**row, **self._tagged(row, names, known)}

    def _tagged(self, row: Row, names: list[str], known: Vectors) -> Row:
        made_by = row["text_embedder"]
        if made_by is not None and made_by != self._model.model_id:
            raise ItemError("invalid", f"its vectors are of {made_by}, and the labels' of {self._model.model_id}")
        texts = row["text_vectors"] or []
        vectors = unpacked([bytes(t["vector"]) for t in texts])
        if not len(vectors):
            return {"tags": [], "topic": UNKNOWN, "topic_score": None, "tag_counts": []}
        found = [self._nearest(names, known @ vector) for vector in vectors]
        tags = [
            {**{k: t[k] for k in ("unit", "index", "start_s", "end_s")}, "tag": tag, "nearest": nearest, "score": score}
            for t, (tag, nearest, score) in zip(texts, found, strict=True)
        ]
        windows = [k for k, t in enumerate(texts) if t["unit"] == "window"]
        topic, _, score = self._nearest(names, known @ mean_of(vectors[windows or slice(None)]))
        counts = sorted(Counter(tag for tag, _, _ in found).items(), key=lambda item: (-item[1], item[0]))
        return {
            "tags": tags,
            "topic": topic,
            "topic_score": score,
            "tag_counts": [{"tag": tag, "count": count} for tag, count in counts],
        }

    def _nearest(self, names: list[str], cosines: Any) -> tuple[str, str, float]:
        best = int(np.argmax(cosines))
        score = float(cosines[best])
        return (names[best] if score >= self.threshold else UNKNOWN), names[best], score
