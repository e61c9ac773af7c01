"""The operators `embed` and `embed_text`: vectors of frames and of captions, in separate tables.

A table of vectors is made once. Operators that compare vectors (tiles, matching, near-duplicates, search) write other
tables, so that a change of their options embeds nothing again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, Level, Needs, Operator, Row
from operators.core.fingerprint import identity
from operators.core.shown import frame_spans
from operators.embedding.embedders.base import EmbedderSpec, Modality, RunningEmbedder
from operators.embedding.embedders.efficientnet import EfficientNet
from operators.embedding.embedders.minilm import MiniLM
from operators.embedding.embedders.registry import AnyEmbedder
from operators.embedding.vectors import FRAME_VECTOR, TEXT_VECTOR, VECTOR, Vectors, mean_of, packed

Unit = Literal["window", "section", "sentence"]


@dataclass(frozen=True, kw_only=True)
class Embeds(Operator):
    """Base of both operators: an embedder, and a pool in which each actor loads it once."""

    modality: ClassVar[Modality]
    pool: ClassVar[str] = "embed"

    embedder: Annotated[AnyEmbedder, Field(description="the embedder; null: a small one from a package")] = None

    def __post_init__(self) -> None:
        if self.modality not in self.model.modalities:
            raise ValueError(
                f"embedder {getattr(self.model, 'kind', type(self.model).__name__)} embeds no {self.modality}, "
                f"{' and '.join(sorted(self.model.modalities))} only; name a kind that does (docs/evidence.md)"
            )

    @property
    def model(self) -> EmbedderSpec:
        """The embedder; by default the one from a package."""
        if self.embedder is not None:
            return self.embedder
        return EfficientNet() if self.modality == "frames" else MiniLM()

    def identity_extra(self) -> dict[str, Any]:
        return {"embedder": identity(self.model)}

    def needs(self) -> Needs:
        waits = getattr(self.model, "kind", "") == "server"
        return Needs(cpus=0.1 if waits else 1.0, gpus=self.model.gpus)

    def check(self, *, elsewhere: bool = False) -> None:
        """Check, without loading, for problems that would fail every row.

        Raises:
            ValueError: in one line, the problem and the remedy.
        """
        self.model.check(elsewhere=elsewhere)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        with self.model.open() as running:
            yield lambda row: {**row, **self.made(row, running)}

    def made(self, row: Row, running: RunningEmbedder) -> Row:
        """Return the columns to write for a row."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Embed(Embeds):
    """Embeds the frames of a segment.

    Writes `frame_vectors`, one for each frame of `[start_s, end_s)` with the span that it represents
    (`operators.embedding.vectors.FRAME_VECTOR`); `embedding`, their mean direction, the vector of the segment, null
    without frames; and `frame_embedder`, the model.
    """

    name: ClassVar[str] = "embed"
    version: ClassVar[int] = 1
    modality: ClassVar[Modality] = "frames"
    reads: ClassVar[frozenset[str]] = frozenset({"images", "start_s", "end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"frame_vectors", "embedding", "frame_embedder"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "frame_vectors": pa.list_(FRAME_VECTOR),
        "embedding": VECTOR,
        "frame_embedder": pa.string(),
    }

    def made(self, row: Row, running: RunningEmbedder) -> Row:
        spans = frame_spans(row["images"] or (), row["start_s"], row["end_s"])
        vectors = running.frames([bytes(p["jpeg"]) for p, _, _ in spans])
        found = [
            {"start_s": start_s, "end_s": end_s, "pts_s": p["pts_s"], "vector": vector}
            for (p, start_s, end_s), vector in zip(spans, packed(vectors), strict=True)
        ]
        return {
            "frame_vectors": found,
            "embedding": packed(mean_of(vectors)[None])[0] if found else None,
            "frame_embedder": self.model.model_id,
        }


@dataclass(frozen=True, kw_only=True)
class EmbedText(Embeds):
    """Embeds the texts of a video: window captions, sections, sentences.

    Writes `text_vectors` (`operators.embedding.vectors.TEXT_VECTOR`) and `text_embedder`, the model. Windows need
    `segments` among the table's parents; sections and sentences need `dataset`. A sentence has the span of the windows
    that it cites, else the span of its section; a sentence without text has no vector.
    """

    name: ClassVar[str] = "embed_text"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    modality: ClassVar[Modality] = "texts"
    reads: ClassVar[frozenset[str]] = frozenset({"duration_s"})
    may_read: ClassVar[frozenset[str]] = frozenset({"captioned", "sections", "opening"})
    writes: ClassVar[frozenset[str]] = frozenset({"text_vectors", "text_embedder"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "text_vectors": pa.list_(TEXT_VECTOR),
        "text_embedder": pa.string(),
    }

    of: Annotated[
        tuple[Unit, ...],
        Field(min_length=1, description="which texts: window, section, sentence; one or more"),
    ] = ("window",)

    def check_columns(self, columns: frozenset[str]) -> None:
        if "window" in self.of and "captioned" not in columns:
            raise ValueError("of has window, whose captions are in segments: add segments to the table's parents")
        if {"section", "sentence"} & set(self.of) and "sections" not in columns:
            raise ValueError("of has section or sentence, which are in dataset: add dataset to the table's parents")

    def made(self, row: Row, running: RunningEmbedder) -> Row:
        texts = [text for text in texts_of(row) if text[0]["unit"] in self.of]
        vectors: Vectors = running.texts([text for _, text in texts]) if texts else np.zeros((0, 0), np.float32)
        return {
            "text_vectors": [
                {**about, "vector": vector} for (about, _), vector in zip(texts, packed(vectors), strict=True)
            ],
            "text_embedder": self.model.model_id,
        }


def texts_of(row: Row) -> list[tuple[Row, str]]:
    """Return the texts of a video, each with its fields of `TEXT_VECTOR`."""
    windows = [w for segment in row.get("captioned") or () for w in segment["windows"] if w["valid"] and w["text"]]
    spans = {w["window_index"]: (w["start_s"], w["end_s"]) for w in windows}
    found = [(_about("window", w["window_index"], None, spans[w["window_index"]]), w["text"]) for w in windows]
    parts = [(s["section_index"], s, (s["start_s"], s["end_s"])) for s in row.get("sections") or ()]
    if row.get("opening"):
        parts.insert(0, (-1, row["opening"], (0.0, float(row["duration_s"]))))
    for index, part, span in parts:
        if part.get("text"):
            found.append((_about("section", index, None, span), part["text"]))
        for number, sentence in enumerate(part.get("sentences") or ()):
            if sentence["text"]:
                cited = [spans[k] for k in sentence["windows"] or () if k in spans]
                own = (min(a for a, _ in cited), max(b for _, b in cited)) if cited else span
                found.append((_about("sentence", index, number, own), sentence["text"]))
    return found


def _about(kind: Unit, index: int, sentence: int | None, span: tuple[float, float]) -> Row:
    return {"unit": kind, "index": index, "sentence": sentence, "start_s": span[0], "end_s": span[1]}
