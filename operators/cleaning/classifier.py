"""A linear classifier that distinguishes captions from talk: sentences about the task, the input or the reader.

It finds talk in wordings that no rule covers. The score of a sentence is the sum of the weights of its words and pairs
of neighbouring words, which are hashed to `BUCKETS` features (logistic regression). With `Context.embed` another model
is used, which also has a weight for each dimension of the sentence's embedding. `bench/talk.py` fits weights and
thresholds and prints the operating curves. Both models are for English; sentences in other languages are not scored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from operators.cleaning.context import Context, Embed
from operators.cleaning.quotes import HIDDEN, masked, uncited
from operators.language.identify import language_code
from operators.language.sentences import split_sentences

BUCKETS = 1 << 18
WORDS = Path(__file__).with_name("talk.npz")
MEANING = Path(__file__).with_name("talk_meaning.npz")
_WORD = re.compile(r"\w+|[?!:]")
_LEAST_WORDS = 3


@dataclass(frozen=True)
class Model:
    """A fitted classifier.

    Attributes:
        weights: float32, shape (BUCKETS,).
        bias: bias of the log odds.
        meaning: float32, one weight per dimension of the embedding; None: the model uses words only.
        threshold: log odds above which a sentence is talk.
        floor: log odds of the model of words (`talk.npz`) below which a sentence is not embedded and is no talk.
    """

    weights: NDArray[np.float32]
    bias: float
    meaning: NDArray[np.float32] | None = None
    threshold: float = 0.0
    floor: float = float("-inf")

    def score(self, sentence: str, embed: Embed | None = None) -> float:
        """Log odds that a sentence is talk; a model with `meaning` needs `embed`."""
        found = buckets(sentence)
        by_words = float(self.weights[found].sum() / len(found) ** 0.5 + self.bias)
        if self.meaning is None:
            return by_words
        assert embed is not None
        return by_words + float(embed([plain(sentence)])[0] @ self.meaning)

    def write(self, file: Path) -> None:
        """Store the model, weights as float16."""
        stored = {k: v for k, v in vars(self).items() if v is not None}
        np.savez_compressed(file, **{k: v.astype(np.float16) if k == "weights" else v for k, v in stored.items()})

    @staticmethod
    def read(file: Path) -> Model:
        with np.load(file) as stored:
            return Model(
                weights=stored["weights"].astype(np.float32),
                bias=float(stored["bias"]),
                meaning=stored.get("meaning"),
                threshold=float(stored["threshold"]),
                floor=float(stored["floor"]),
            )


def classified(text: str, context: Context) -> str:
    """Remove sentences that are classified as talk, if others remain or the text may become empty."""
    if context.language and language_code(context.language) != "en":
        return text
    sentences = split_sentences(text, context.language)
    kept = [s for s in sentences if not is_talk(s, context.embed)]
    return text if len(kept) == len(sentences) or not (kept or context.may_empty) else " ".join(kept)


def is_talk(sentence: str, embed: Embed | None = None) -> bool:
    """Whether a sentence scores above the fitted threshold; one of fewer than three words never does.

    Embedding a sentence takes milliseconds and most captions have no word of talk, so words alone rule these out.
    """
    if embed is None:
        return talk_score(sentence) > fitted(WORDS).threshold
    model = fitted(MEANING)
    return talk_score(sentence) > model.floor and model.score(sentence, embed) > model.threshold


@lru_cache(maxsize=8192)
def talk_score(sentence: str) -> float:
    """Log odds by words alone that a sentence is talk, minus infinity where it is too short to say."""
    if len(_WORD.findall(uncited(sentence))) < _LEAST_WORDS:
        return float("-inf")
    return fitted(WORDS).score(sentence)


def plain(sentence: str) -> str:
    """Return the sentence as it is scored: without citations, and with dots in place of quotations."""
    return re.sub(f"{HIDDEN}+", "…", masked(uncited(sentence)).replace("’", "'"))


def buckets(sentence: str) -> Sequence[int]:
    """The features of a sentence, without quotations and citations: words and pairs of neighbours, each once."""
    words = ["^", *_WORD.findall(plain(sentence).lower()), "$"]
    pairs = (f"{a}_{b}" for a, b in pairwise(words))
    return sorted(crc32(feature.encode()) % BUCKETS for feature in {*words, *pairs})


@cache
def fitted(file: Path) -> Model:
    """The model of `WORDS` or `MEANING`."""
    return Model.read(file)
