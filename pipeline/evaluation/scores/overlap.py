"""Overlap of words with references: BLEU, CIDEr-D, ROUGE.

The formulas are those of the released scorers (coco-caption's `Bleu`, `Cider`, `Rouge`; `rouge-score`), with which the
tests compare the values. None of them needs Java.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, count
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.scores.tokens import Words, ngrams

ORDERS = 4
_SMALL, _TINY = 1e-9, 1e-15  # coco-caption's guards against division by zero; no smoothing
_BETA = 1.2  # coco-caption's weight of recall
_SIGMA = 6.0  # width of CIDEr-D's penalty on length differences
_AT_ONCE = 20_000_000  # n-grams that are sorted at a time, 160 MB

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counted:
    """A text as counts of its n-grams: for each order the sorted hashes and the count of each."""

    words: int
    grams: tuple[tuple[Words, npt.NDArray[np.int64]], ...]


def counted(words: Words) -> Counted:
    return Counted(len(words), tuple(tallied(some) for some in ngrams(words, ORDERS)))


def tallied(hashes: Words) -> tuple[Words, npt.NDArray[np.int64]]:
    """Return the distinct hashes, sorted, and their counts: `np.unique` without its overhead."""
    if not len(hashes):
        return hashes, _NO_COUNTS
    found = np.sort(hashes)
    new = np.empty(len(found), dtype=np.bool_)
    new[0] = True
    np.not_equal(found[1:], found[:-1], out=new[1:])
    starts = np.flatnonzero(new)
    counts = np.empty_like(starts)
    np.subtract(starts[1:], starts[:-1], out=counts[:-1])
    counts[-1] = len(found) - starts[-1]
    return found[starts], counts


def shared(a: Words, b: Words) -> int:
    """Return how many of `a` are also in `b`; a repeated hash counts as often as both sides have it.

    The last bit of a hash marks its side, so both are sorted together without looking up one in the other.
    """
    if not len(a) or not len(b):
        return 0
    found = np.concatenate((a & _BUT_LAST, b | _LAST))
    found.sort()
    ends = np.flatnonzero((found[1:] ^ found[:-1]) > _LAST)
    return shared_runs(ends, (found & _LAST).astype(np.int64).cumsum())


def shared_runs(ends: npt.NDArray[np.int64], theirs: npt.NDArray[np.int64]) -> int:
    """Sum min(count on the first side, count on the second side) over runs of equal keys.

    Args:
        ends: index of the last key of each run, without the last run.
        theirs: for each index, how many keys up to it are of the second side.
    """
    places = np.empty(len(ends) + 1, dtype=np.int64)
    places[:-1], places[-1] = ends, len(theirs) - 1
    second = theirs[places]
    second[1:] -= second[:-1].copy()
    places[1:] -= places[:-1].copy()
    places[0] += 1
    return int(np.minimum(second, places - second).sum())


_LAST, _BUT_LAST = np.uint64(1), np.uint64(2**64 - 2)
_NO_COUNTS = np.zeros(0, dtype=np.int64)


# -- BLEU ------------------------------------------------------------------------------------------------------------


def bleu_stats(text: Counted, references: Sequence[Counted]) -> list[int]:
    """Return the sums of corpus BLEU: words, words of the closest reference, then n-grams matched and n-grams, by
    order.

    Of equally close references the shorter one counts.
    """
    stats = [text.words, _closest(text.words, [r.words for r in references])]
    for n in range(ORDERS):
        grams, counts = text.grams[n]
        most = np.zeros(len(grams), dtype=np.int64)
        for reference in references:
            np.maximum(most, looked_up(grams, *reference.grams[n]), out=most)
        stats += [int(np.minimum(counts, most).sum()), max(0, text.words - n)]
    return stats


def bleu_stats_of(text: Words, references: Sequence[Words]) -> list[int]:
    """Return `bleu_stats` of hashed words, for texts that no other metric counts."""
    if len(references) != 1:
        return bleu_stats(counted(text), [counted(r) for r in references])
    stats = [len(text), len(references[0])]
    for n, (own, known) in enumerate(zip(ngrams(text, ORDERS), ngrams(references[0], ORDERS), strict=True)):
        stats += [shared(own, known), max(0, len(text) - n)]
    return stats


def _closest(words: int, others: Sequence[int]) -> int:
    return min((abs(other - words), other) for other in others)[1]


def bleu(stats: Floats) -> Floats:
    """Compute BLEU-1 to BLEU-4 of stats or of their sums, 0 to 1.

    Args:
        stats: shape (..., 10), as from `bleu_stats`.

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


def looked_up(grams: Words, known: Words, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how often each of `grams` occurs among `known`, which are sorted."""
    if not len(known) or not len(grams):
        return np.zeros(len(grams), dtype=np.int64)
    at = np.minimum(np.searchsorted(known, grams), len(known) - 1)
    return np.where(known[at] == grams, counts[at], 0)


# -- CIDEr-D ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frequencies:
    """Number of items of a reference set that contain each n-gram; n-grams of one item are omitted, as 0 counts like 1.

    Attributes:
        items: number of items.
        grams, counts: sorted hashes of n-grams that at least two items contain, and the number of these items.
    """

    items: int
    grams: Words
    counts: npt.NDArray[np.int64]

    def rarity(self, grams: Words) -> Floats:
        """Return log(items / max(1, items that contain it)) for each n-gram."""
        found = np.maximum(looked_up(grams, self.grams, self.counts), 1)
        result: Floats = math.log(max(self.items, 1)) - np.log(found)
        return result


def frequencies(items: Iterable[Sequence[Words]]) -> Frequencies:
    """Count over all references of all items; the references of an item count together.

    Items are counted `_AT_ONCE` n-grams at a time. If there are more, the counts of each batch are written to files by
    range of the hashes and summed range by range, since 100,000 texts of 950 words have 3 GB of hashes.
    """
    total, size, waiting = 0, 0, list[Words]()
    with ExitStack() as stack:
        files: list[BinaryIO] = []
        for item in items:
            total += 1
            every = [gram for words in item for gram in ngrams(words, ORDERS)]
            waiting.append(tallied(np.concatenate(every))[0] if every else _NONE)
            size += len(waiting[-1])
            if size >= _AT_ONCE:
                files = files or [stack.enter_context(TemporaryFile(prefix="longcap-")) for _ in range(_RANGES)]
                _put(files, *tallied(np.concatenate(waiting)))
                size, waiting = 0, []
        last = tallied(np.concatenate(waiting or [_NONE]))
        if not files:
            found = [_several(*last)]
        else:
            _put(files, *last)
            found = [_several(*_added(file)) for file in files]
    return Frequencies(total, np.concatenate([f for f, _ in found]), np.concatenate([c for _, c in found]))


def _put(files: Sequence[BinaryIO], grams: Words, counts: npt.NDArray[np.int64]) -> None:
    """Append hashes and counts to the file of each range, in order of the hashes."""
    width = (1 << 64) // len(files)
    edges = np.searchsorted(grams, np.array([k * width for k in range(1, len(files))], dtype=np.uint64))
    for file, some, often in zip(files, np.split(grams, edges), np.split(counts, edges), strict=True):
        file.write(np.stack([some, often.astype(np.uint64)], axis=1).tobytes())


def _added(file: BinaryIO) -> tuple[Words, npt.NDArray[np.int64]]:
    file.seek(0)
    pairs = np.frombuffer(file.read(), dtype=np.uint64).reshape(-1, 2)
    order = np.argsort(pairs[:, 0], kind="stable")
    grams, counts = pairs[order, 0], pairs[order, 1].astype(np.int64)
    if not len(grams):
        return grams, counts
    starts = np.concatenate(([0], np.flatnonzero(grams[1:] != grams[:-1]) + 1))
    return grams[starts], np.add.reduceat(counts, starts)


def _several(grams: Words, counts: npt.NDArray[np.int64]) -> tuple[Words, npt.NDArray[np.int64]]:
    """Return the n-grams of at least two items."""
    return grams[counts > 1], counts[counts > 1]


_NONE = np.zeros(0, dtype=np.uint64)
_RANGES = 64


def cider_d(text: Counted, references: Sequence[Counted], known: Frequencies) -> float:
    """Compute CIDEr-D, 0 to 10; comparable only between captions of the same reference set, which gives `known`."""
    own = _weighed(text, known)
    total = 0.0
    for reference in references:
        # coco-caption measures lengths in bigrams
        away = max(0, text.words - 1) - max(0, reference.words - 1)
        penalty = math.exp(-(away**2) / (2 * _SIGMA**2))
        for n, (other, other_norm) in enumerate(_weighed(reference, known)):
            weights, norm = own[n]
            if not norm or not other_norm:
                continue
            grams, there = text.grams[n][0], reference.grams[n][0]
            at = np.minimum(np.searchsorted(there, grams), len(there) - 1)
            mine = np.flatnonzero(there[at] == grams)
            its = other[at[mine]]
            total += penalty * float((np.minimum(weights[mine], its) * its).sum()) / (norm * other_norm)
    return 10.0 * total / (ORDERS * len(references))


def _weighed(text: Counted, known: Frequencies) -> list[tuple[Floats, float]]:
    """Return the weights of the n-grams of each order, and their norm."""
    rarity = known.rarity(np.concatenate([grams for grams, _ in text.grams]))
    found, start = [], 0
    for grams, counts in text.grams:
        weights = counts * rarity[start : start + len(grams)]
        start += len(grams)
        found.append((weights, float(np.sqrt((weights**2).sum()))))
    return found


# -- ROUGE -----------------------------------------------------------------------------------------------------------


def places(words: Sequence[object]) -> dict[object, int]:
    """Return, for each word, the positions where it occurs, as bits."""
    found: dict[object, int] = {}
    known = found.get
    for word, bit in zip(words, chain(_BITS, map((1).__lshift__, count(len(_BITS)))), strict=False):
        found[word] = known(word, 0) | bit
    return found


_BITS = [1 << k for k in range(2048)]  # enough for most captions


def common(a: Sequence[object], b: Sequence[object], of_a: Mapping[object, int] | None = None) -> int:
    """Return the length of the longest common subsequence, bit-parallel (Hyyrö 2004): fast for thousands of words.

    Args:
        of_a: `places(a)`, if `a` is compared with several texts.
    """
    if not a or not b:
        return 0
    known = places(a) if of_a is None else of_a
    every = (1 << len(a)) - 1
    row = every
    for there in filter(None, map(known.get, b)):
        hits = row & there
        row = (row + hits) | (row - hits)  # carries beyond the last position affect no other bit
    return len(a) - (row & every).bit_count()


def rouge_l_coco(text: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Compute coco-caption's ROUGE-L: F (beta 1.2) of the best precision and the best recall over the references."""
    if not text or not any(references):
        return 0.0
    known = places(text)
    return rouge_l_coco_of([(common(text, r, known), len(r)) for r in references if r], len(text))


def rouge_l_coco_of(shared: Sequence[tuple[int, int]], words: int) -> float:
    """The same from (words in common, words of the reference) for each reference, and the words of the text."""
    return f_coco(max(n / words for n, _ in shared), max(n / length for n, length in shared))


def f_coco(precision: float, recall: float) -> float:
    """Combine both with coco-caption's weight of recall."""
    if not precision or not recall:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def rouge_l_google(text: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Compute rouge-score's rougeL: F1 with the best reference; words as from `tokens.google_words`."""
    known = places(text)
    return max((f1(*_shares(common(text, r, known), len(text), len(r))) for r in references), default=0.0)


def rouge_n_google(text: Words, references: Sequence[Words], n: int) -> float:
    """Compute rouge-score's rouge1 or rouge2: F1 with the best reference, of hashed `tokens.google_words`."""
    own, best = ngrams(text, n)[n - 1], 0.0
    for reference in references:
        known = ngrams(reference, n)[n - 1]
        best = max(best, f1(*_shares(shared(own, known), len(own), len(known))))
    return best


def _shares(both: int, of_text: int, of_reference: int) -> tuple[float, float]:
    return both / max(of_text, 1), both / max(of_reference, 1)


def f1(precision: float, recall: float) -> float:
    """Return the harmonic mean; 0 if both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
