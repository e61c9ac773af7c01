"""Scorers, which measure how much of a text each sentence of the captions says. They are independent of each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from operators.narrate.grounding.clauses import clauses
from operators.narrate.grounding.words import content_stems

Scores = NDArray[np.float32]


class Scorer(Protocol):
    """Compares texts with the sentences of the captions for which it was created."""

    name: str

    def scores(self, texts: Sequence[str]) -> Scores:
        """Score texts: float32, shape (len(texts), len(sentences)); 1 means that the sentence says all of the text."""
        ...


class Lexical:
    """The share of the words of a text that a sentence contains, weighted by their rarity among the sentences.

    The weight is BM25's ln(1 + n / n_with_the_word). A word that no sentence contains has the weight of a word in one
    sentence. Function words have no weight.
    """

    name = "lexical"

    def __init__(self, sentences: Sequence[str]) -> None:
        self._held: dict[str, list[int]] = {}
        for k, sentence in enumerate(sentences):
            for stem in dict.fromkeys(content_stems(sentence)):
                self._held.setdefault(stem, []).append(k)
        self._count = len(sentences)
        self._weight = {stem: math.log(1 + self._count / len(ks)) for stem, ks in self._held.items()}
        self._unknown = math.log(1 + max(1, self._count))

    def scores(self, texts: Sequence[str]) -> Scores:
        made = np.zeros((len(texts), self._count), np.float32)
        for row, text in zip(made, texts, strict=True):
            stems = Counter(content_stems(text))
            whole = sum(self._weight.get(stem, self._unknown) for stem in stems)
            for stem in stems:
                if stem in self._held:
                    row[self._held[stem]] += self._weight[stem] / whole
        return np.minimum(made, 1.0, out=made)


class Embedding:
    """The cosine of sentence embeddings.

    Args:
        embed: texts -> len(texts) x d float32 of length 1.
    """

    name = "embedding"

    def __init__(self, sentences: Sequence[str], embed: Embed) -> None:
        self._embed = embed
        self._sentences = embed(sentences)

    def scores(self, texts: Sequence[str]) -> Scores:
        return self._embed(texts) @ self._sentences.T


class Clauses:
    """The cosine with that clause of a sentence, or with the whole of it, which is nearest.

    A clause is far from a long sentence that says it among other things, and near to the clause that says it.

    Args:
        embed: texts -> len(texts) x d float32 of length 1.
    """

    name = "clauses"

    def __init__(self, sentences: Sequence[str], embed: Embed) -> None:
        parts = [list(dict.fromkeys([s, *(text for _, text in clauses(s))])) for s in sentences]
        self._first = np.cumsum([0, *(len(p) for p in parts[:-1])])
        self._embed = embed
        self._parts = embed([text for of_one in parts for text in of_one])

    def scores(self, texts: Sequence[str]) -> Scores:
        near: Scores = np.maximum.reduceat(self._embed(texts) @ self._parts.T, self._first, axis=1)
        return near


class Embed(Protocol):
    def __call__(self, texts: Sequence[str]) -> Scores: ...


def centred(embed: Embed, centre: Scores) -> Embed:
    """Embeddings less what the sentences of all captions have in common, of length 1 again.

    Args:
        centre: d float32, the mean of embeddings of length 1.
    """

    def embedded(texts: Sequence[str]) -> Scores:
        if not texts:
            return embed(texts)
        made = embed(texts) - centre
        length: Scores = np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)
        return made / length

    return embedded
