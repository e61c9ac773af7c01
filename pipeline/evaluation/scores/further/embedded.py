"""Metrics of sentence embeddings: all-MiniLM-L6-v2, English, on a CPU core (the extra `grounding`)."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from operators.embedding.sentences import embedder, model_files
from operators.language.sentences import split_sentences
from pipeline.evaluation.scores.captions import Caption
from pipeline.evaluation.scores.further.base import CaptionMetric, Measure
from pipeline.evaluation.scores.metrics import Metric
from pipeline.evaluation.scores.references import Reference
from pipeline.evaluation.scores.tokens import content

_MODEL = Field(description="folder with model.onnx and tokenizer.json of another model; null: all-MiniLM-L6-v2")


@dataclass(frozen=True, kw_only=True)
class _OfEmbeddings(CaptionMetric):
    """A metric with one column: the best value over the references; 0 for a caption without text."""

    model: Annotated[str | None, _MODEL] = None

    def check(self) -> None:
        model_files(self.model)

    @contextmanager
    def open(self) -> Iterator[Measure]:
        (column,) = self.columns

        def measure(caption: Caption, references: Sequence[Reference]) -> Mapping[str, float | None]:
            truths = [r.text for r in references if r.text]
            if not truths:
                return {}
            if not caption.text.strip():
                return {column: 0.0}
            return {column: max(self.value(caption.text, text) for text in truths)}

        yield measure

    @abc.abstractmethod
    def value(self, caption: str, reference: str) -> float:
        """Return the similarity of a caption to a reference."""


@dataclass(frozen=True, kw_only=True)
class SentenceCosine(_OfEmbeddings):
    """TemporalBench's score of captions: cosine of the embeddings of both texts, times 100, over the best reference.

    The model reads 128 tokens. A longer text is represented by the mean of its sentences, so nothing is truncated.
    """

    version: ClassVar[int] = 1
    columns: ClassVar[Mapping[str, Metric]] = {
        "sentence_cosine": Metric("further", 1, "TemporalBench: cosine of sentence embeddings, times 100")
    }

    def value(self, caption: str, reference: str) -> float:
        return 100 * cosine(caption, reference, self.model)


@dataclass(frozen=True, kw_only=True)
class EntityScore(_OfEmbeddings):
    """FAVD's EntityScore, 2RC / (R + C): R = share of the reference's nouns that the caption has, C = (cosine + 1) / 2.

    The original uses a tagger and T5-base. Here the nouns are all content words, by stem, and the embeddings those of
    all-MiniLM-L6-v2.
    """

    version: ClassVar[int] = 1
    columns: ClassVar[Mapping[str, Metric]] = {
        "entity_score": Metric("further", 1, "EntityScore by stems in place of tagged nouns, MiniLM for T5")
    }

    def value(self, caption: str, reference: str) -> float:
        return entity_score(content(caption), content(reference), cosine(caption, reference, self.model))


def entity_score(predicted: frozenset[str], true: frozenset[str], similarity: float) -> float:
    """Return 2RC / (R + C) with R = |predicted ∩ true| / |true| and C = (similarity + 1) / 2; 0 if R is 0."""
    recall = len(predicted & true) / len(true) if true else 0.0
    near = (similarity + 1) / 2
    return 2 * recall * near / (recall + near) if recall else 0.0


def cosine(first: str, second: str, model: str | None = None) -> float:
    """Return the cosine of two texts, each represented by the mean of its sentences' embeddings."""
    a, b = (embedder(model)(split_sentences(text) or [text]).mean(axis=0) for text in (first, second))
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))
