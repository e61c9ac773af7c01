"""Overlap of words with references: BLEU, CIDEr-D, ROUGE.

Formulas as in the released scorers (coco-caption's `Bleu`, `Cider`, `Rouge`; `rouge-score`), which the tests compare
values with. None of them needs Java.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.scores.tokens import Words, hashed, ngrams, ptb_words

ORDERS = 4
_SMALL, _TINY = 1e-9, 1e-15  # coco-caption's guards; no smoothing
_BETA = 1.2  # coco-caption's weight of recall
_SIGMA = 6.0  # CIDEr-D's penalty of a length that differs
_AT_ONCE = 20_000_000  # n-grams that are sorted at a time

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counted:
    """A text as counts of its n-grams: for each order the sorted hashes and how often each occurs."""

    words: int
    grams: tuple[tuple[Words, npt.NDArray[np.int64]], ...]


def counted(words: Words) -> Counted:
    grams = tuple(np.unique(some, return_counts=True) for some in ngrams(words, ORDERS))
    return Counted(len(words), grams)


@lru_cache(maxsize=64)
def counted_ptb(text: str) -> Counted:
    """A text's `ptb_words`, counted once for all metrics that need it."""
    return counted(hashed(ptb_words(text)))


# -- BLEU ------------------------------------------------------------------------------------------------------------


def bleu_stats(text: Counted, references: Sequence[Counted]) -> list[int]:
    """What BLEU of a corpus adds up: words, words of the closest reference, then n-grams matched and n-grams, by order.

    Of references that are equally close the shorter one counts.
    """
    closest = min((abs(r.words - text.words), r.words) for r in references)[1]
    stats = [text.words, closest]
    for n in range(ORDERS):
        grams, counts = text.grams[n]
        most = np.zeros(len(grams), dtype=np.int64)
        for reference in references:
            np.maximum(most, _looked_up(grams, *reference.grams[n]), out=most)
        stats += [int(np.minimum(counts, most).sum()), max(0, text.words - n)]
    return stats


def bleu(stats: Floats) -> Floats:
    """BLEU-1 to BLEU-4 of stats or of their sums, 0 to 1.

    Args:
        stats: shape (..., 10), as `bleu_stats`.

    Returns:
        Shape (..., 4).
    """
    stats = np.asarray(stats, dtype=np.float64)
    shares = (stats[..., 2::2] + _TINY) / (stats[..., 3::2] + _SMALL)
    scores = np.cumprod(shares, axis=-1) ** (1.0 / np.arange(1, ORDERS + 1))
    ratio = (stats[..., 0] + _TINY) / (stats[..., 1] + _SMALL)
    with np.errstate(over="ignore", divide="ignore"):
        brevity = np.where(ratio < 1, np.exp(1 - 1 / np.maximum(ratio, 1e-300)), 1.0)
    found: Floats = scores * brevity[..., None]
    return found


def _looked_up(grams: Words, known: Words, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How often each of `grams` occurs among `known`, which are sorted."""
    if not len(known) or not len(grams):
        return np.zeros(len(grams), dtype=np.int64)
    at = np.minimum(np.searchsorted(known, grams), len(known) - 1)
    return np.where(known[at] == grams, counts[at], 0)


# -- CIDEr-D ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frequencies:
    """In how many items of a reference set an n-gram occurs; those of one item are left out, since 0 and 1 count alike.

    Attributes:
        items: how many items there are.
        grams, counts: sorted hashes of n-grams of two items and more, and of how many.
    """

    items: int
    grams: Words
    counts: npt.NDArray[np.int64]

    def rarity(self, grams: Words) -> Floats:
        """log(items / max(1, items with it)) of each."""
        found = np.maximum(_looked_up(grams, self.grams, self.counts), 1)
        result: Floats = math.log(max(self.items, 1)) - np.log(found)
        return result


def frequencies(items: Iterable[Sequence[Words]]) -> Frequencies:
    """Over all references of all items, an item's references together. Memory grows with the references' words."""
    kept = [list(item) for item in items]
    total = ORDERS * sum(len(words) for item in kept for words in item)
    parts = max(1, math.ceil(total / _AT_ONCE))
    grams, counts = [], []
    for part in range(parts):  # by hash, so that each part knows all items of its n-grams
        pieces = []
        for item in kept:
            every = np.unique(np.concatenate([g for words in item for g in ngrams(words, ORDERS)] or [_NONE]))
            pieces.append(every if parts == 1 else every[every % np.uint64(parts) == part])
        found, often = np.unique(np.concatenate(pieces or [_NONE]), return_counts=True)
        grams.append(found[often > 1])
        counts.append(often[often > 1])
    joined, of = np.concatenate(grams), np.concatenate(counts)
    order = np.argsort(joined)
    return Frequencies(len(kept), joined[order], of[order])


_NONE = np.zeros(0, dtype=np.uint64)


def cider_d(text: Counted, references: Sequence[Counted], known: Frequencies) -> float:
    """CIDEr-D, 0 to 10; comparable only between captions of one reference set, which gives `known`."""
    own = [_weighed(text, n, known) for n in range(ORDERS)]
    total = 0.0
    for reference in references:
        # coco-caption measures lengths in bigrams
        away = max(0, text.words - 1) - max(0, reference.words - 1)
        penalty = math.exp(-(away**2) / (2 * _SIGMA**2))
        for n in range(ORDERS):
            weights, norm = own[n]
            other, other_norm = _weighed(reference, n, known)
            if not norm or not other_norm:
                continue
            grams, there = text.grams[n][0], reference.grams[n][0]
            _, mine, its = np.intersect1d(grams, there, assume_unique=True, return_indices=True)
            shared = np.minimum(weights[mine], other[its]) * other[its]
            total += penalty * float(shared.sum()) / (norm * other_norm)
    return 10.0 * total / (ORDERS * len(references))


def _weighed(text: Counted, n: int, known: Frequencies) -> tuple[Floats, float]:
    grams, counts = text.grams[n]
    weights = counts * known.rarity(grams)
    return weights, float(np.sqrt((weights**2).sum()))


# -- ROUGE -----------------------------------------------------------------------------------------------------------


def places(words: Sequence[object]) -> dict[object, int]:
    """Of each word the places where it stands, as bits."""
    found: dict[object, int] = {}
    for k, word in enumerate(words):
        found[word] = found.get(word, 0) | 1 << k
    return found


def common(a: Sequence[object], b: Sequence[object], of_a: Mapping[object, int] | None = None) -> int:
    """Length of the longest common subsequence, by bits of one integer (Hyyrö 2004): fast for thousands of words.

    Args:
        of_a: `places(a)`, where it is compared with several texts.
    """
    if not a or not b:
        return 0
    known = places(a) if of_a is None else of_a
    every = (1 << len(a)) - 1
    row = every
    for word in b:
        hits = row & known.get(word, 0)
        if hits:
            row = ((row + hits) | (row - hits)) & every
    return len(a) - row.bit_count()


def rouge_l_coco(text: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """coco-caption's ROUGE-L: F with beta 1.2 of the best precision and the best recall over the references."""
    if not text or not any(references):
        return 0.0
    known = places(text)
    return rouge_l_coco_of([(common(text, r, known), len(r)) for r in references if r], len(text))


def rouge_l_coco_of(shared: Sequence[tuple[int, int]], words: int) -> float:
    """The same of words in common and words of each reference, and of the words of the text."""
    precision = max(n / words for n, _ in shared)
    recall = max(n / length for n, length in shared)
    if not precision or not recall:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def rouge_l_google(text: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """rouge-score's rougeL: F1, of the best reference; words as `tokens.google_words`."""
    known = places(text)
    return max((f1(*_shares(common(text, r, known), len(text), len(r))) for r in references), default=0.0)


def rouge_n_google(text: Words, references: Sequence[Words], n: int) -> float:
    """rouge-score's rouge1 or rouge2: F1, of the best reference; of hashed `tokens.google_words`."""
    own, counts = np.unique(ngrams(text, n)[n - 1], return_counts=True)
    best = 0.0
    for reference in references:
        known, often = np.unique(ngrams(reference, n)[n - 1], return_counts=True)
        shared = int(np.minimum(counts, _looked_up(own, known, often)).sum())
        best = max(best, f1(*_shares(shared, int(counts.sum()), int(often.sum()))))
    return best


def _shares(shared: int, of_text: int, of_reference: int) -> tuple[float, float]:
    return shared / max(of_text, 1), shared / max(of_reference, 1)


def f1(precision: float, recall: float) -> float:
    """Their harmonic mean; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
