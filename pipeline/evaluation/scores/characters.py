"""chrF2, chrF++ and BLEU with the tokenizer 13a, equal to sacrebleu 2.6, from counts that can be summed over captions.

sacrebleu counts with dictionaries, which takes a tenth of a second per caption of a thousand words; here arrays are
counted. The tests compare both.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.scores.overlap import Floats, looked_up, shared, shared_runs, tallied
from pipeline.evaluation.scores.tokens import Words, hashed, ngrams

CHARS, WORD_ORDER = 6, 2
_OF_CHARS = 3 * CHARS  # counts
STATS = 2 * _OF_CHARS + 3 * WORD_ORDER
_BITS = 10  # bits of a character in a run of six; with one bit for the side they fill 61 of 64
_BETA = 2.0
_PUNCTUATION = frozenset(string.punctuation)
_PIECES = 200_000  # distinct whitespace-delimited pieces whose splits are cached


@dataclass(frozen=True)
class Letters:
    """A text as chrF reads it.

    Attributes:
        points: code points, without whitespace.
        words: hashes of the words, with the punctuation at one end split off (chrF++).
    """

    points: npt.NDArray[np.uint32]
    words: Words


def letters_of(pieces: Sequence[str], words: Words) -> Letters:
    """Build from whitespace-delimited pieces and the hashes of their `piece_chrf`."""
    return Letters(np.frombuffer("".join(pieces).encode("utf-32-le", "replace"), dtype=np.uint32), words)


def piece_chrf(piece: str) -> tuple[str, ...]:
    """Return the words that chrF++ counts in a text without whitespace."""
    if len(piece) > 1 and piece[-1] in _PUNCTUATION:
        return piece[:-1], piece[-1]
    if len(piece) > 1 and piece[0] in _PUNCTUATION:
        return piece[0], piece[1:]
    return (piece,)


def chrf_stats(text: Letters, references: Sequence[Letters]) -> list[int]:
    """Return, for each order, the n-grams of the text, of the reference, and of both.

    The orders are 1 to 6 characters for the reference with the best chrF2, then 1 to 6 characters and 1 and 2 words for
    the one with the best chrF++.
    """
    best, best_pp = (-1.0, [0] * _OF_CHARS), (-1.0, [0] * (_OF_CHARS + 3 * WORD_ORDER))
    for reference in references:
        stats: list[int] = []
        for n, both in enumerate(_shared_characters(text.points, reference.points), start=1):
            stats += _order(len(text.points) - n + 1, len(reference.points) - n + 1, both)
        for own, known in zip(ngrams(text.words, WORD_ORDER), ngrams(reference.words, WORD_ORDER), strict=True):
            stats += _order(len(own), len(known), shared(own, known))
        score, score_pp = (float(_chrf(np.array(some))) for some in (stats[:_OF_CHARS], stats))
        if score > best[0]:
            best = (score, stats[:_OF_CHARS])
        if score_pp > best_pp[0]:
            best_pp = (score_pp, stats)
    return best[1] + best_pp[1]


def _order(own: int, known: int, both: int) -> list[int]:
    return [max(0, own) if known > 0 else 0, max(0, known), both]


def _shared_characters(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32]) -> list[int]:
    """Count the runs of 1 to 6 characters that both have.

    The run of six from each position is one number with its first character in front. Sorted by that number, shorter
    runs are sorted as well, so both texts are sorted once for all orders.
    """
    if not len(a) or not len(b):
        return [0] * CHARS
    coded = _coded(np.concatenate((a, b)))
    if coded is None:
        return [_common(x, y) for x, y in zip(*(ngrams(p.astype(np.uint64), CHARS) for p in (a, b)), strict=True)]
    keys = np.concatenate((_runs(coded[: len(a)]), _runs(coded[len(a) :]) | np.uint64(1)))
    keys.sort()
    theirs = (keys & np.uint64(1)).astype(np.int64).cumsum()
    differ = keys[1:] ^ keys[:-1]
    cut = _alike_at_the_end(a, b)
    found = []
    for n in range(1, CHARS + 1):
        # two neighbours differ in their first n characters where the highest bit that differs is one of these
        ends = np.flatnonzero(differ >= np.uint64(1 << (1 + _BITS * (CHARS - n))))
        # a run truncated by the end of the text does not count; there is one per length and side
        found.append(shared_runs(ends, theirs) - min(n - 1, cut))
    return found


def _alike_at_the_end(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32]) -> int:
    """Count how many of the last characters are equal, up to `CHARS`."""
    for k in range(1, CHARS):
        if k > min(len(a), len(b)) or a[-k] != b[-k]:
            return k - 1
    return CHARS - 1


def _coded(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64] | None:
    """Encode characters as numbers from 1 to 1023, equal for equal ones; None if there are more distinct ones."""
    highest = int(points.max())
    if highest < (1 << _BITS) - 1:
        return points.astype(np.uint64) + np.uint64(1)
    there = np.zeros(highest + 1, dtype=np.bool_)
    there[points] = True
    numbers = there.cumsum(dtype=np.uint64)
    return numbers[points] if int(numbers[-1]) < 1 << _BITS else None


def _runs(coded: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the run of six characters from each position, above one bit that is reserved for the side."""
    padded = np.concatenate((coded, np.zeros(CHARS - 1, dtype=np.uint64)))
    found = np.zeros(len(coded), dtype=np.uint64)
    for k in range(CHARS):
        found |= padded[k : k + len(coded)] << np.uint64(1 + _BITS * (CHARS - 1 - k))
    return found


def _common(a: Words, b: Words) -> int:
    grams, counts = tallied(a)
    return int(np.minimum(counts, looked_up(grams, *tallied(b))).sum())


def chrf(stats: Floats, *, words: int = 0) -> Floats:
    """Compute chrF2 (`words=0`) or chrF++ (`words=2`) of stats or of their sums, 0 to 100.

    Args:
        stats: shape (..., 42), as from `chrf_stats`.
    """
    counts = np.asarray(stats, dtype=np.float64)
    return _chrf(counts[..., _OF_CHARS:] if words else counts[..., :_OF_CHARS])


def _chrf(taken: Floats) -> Floats:
    """Average over the orders in these counts."""
    own, known, shared = taken[..., 0::3], taken[..., 1::3], taken[..., 2::3]
    there = (own > 0) & (known > 0)
    orders = np.maximum(there.sum(axis=-1), 1)
    precision = np.where(there, shared / np.maximum(own, 1), 0.0).sum(axis=-1) / orders
    recall = np.where(there, shared / np.maximum(known, 1), 0.0).sum(axis=-1) / orders
    weighed = _BETA**2 * precision + recall
    found: Floats = 100 * (1 + _BETA**2) * precision * recall / np.where(weighed > 0, weighed, 1.0)
    return found


_APART = str.maketrans({c: f" {c} " for c in '{|}~[\\]^_`!"#$%&()*+:;<=>?@/'})
_BEHIND, _BEFORE, _DASH = re.compile(r"([^0-9])([.,])"), re.compile(r"([.,])([^0-9])"), re.compile(r"([0-9])(-)")
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


def words_13a(text: str) -> list[str]:
    """Split into words as WMT's mteval 13a does, with case; equal to sacrebleu's tokenizer on a whole text."""
    line = text.rstrip().replace("<skipped>", "").replace("-\n", "")
    return list(chain.from_iterable(map(piece_13a, line.split())))


@lru_cache(maxsize=_PIECES)
def piece_13a(piece: str) -> tuple[str, ...]:
    """Return `words_13a` of a text without whitespace."""
    if "&" in piece:
        for entity, character in _ENTITIES:
            piece = piece.replace(entity, character)
    line = _BEFORE.sub(r" \1 \2", _BEHIND.sub(r"\1 \2 ", f" {piece} ".translate(_APART)))
    return tuple((_DASH.sub(r"\1 \2 ", line) if "-" in line else line).split())


def hashes_13a(text: str) -> Words:
    """`hashed(words_13a(text))`."""
    return hashed(words_13a(text))


def sacrebleu_bleu(stats: Floats, *, sentence: bool = False) -> Floats:
    """Compute sacrebleu's BLEU of stats or of their sums, 0 to 100, smoothed as with `smooth_method="exp"`.

    Args:
        stats: shape (..., 10), as from `overlap.bleu_stats`.
        sentence: whether to skip orders of which a short text has no n-gram, as in `sentence_bleu`.
    """
    stats = np.asarray(stats, dtype=np.float64)
    own, known, correct, total = stats[..., 0], stats[..., 1], stats[..., 2::2], stats[..., 3::2]
    there, none = total > 0, correct == 0
    halved = 2.0 ** np.cumsum(there & none, axis=-1)
    shares = np.where(none, 1 / (halved * np.maximum(total, 1)), correct / np.maximum(total, 1))
    orders = np.maximum(there.sum(axis=-1), 1) if sentence else total.shape[-1]
    mean = np.exp(np.where(there, np.log(shares), 0.0).sum(axis=-1) / orders)
    brevity = np.where(own < known, np.exp(1 - known / np.maximum(own, 1e-9)), 1.0)
    some = (correct > 0).any(axis=-1) & (sentence | there.all(axis=-1))
    found: Floats = np.where(some, 100 * brevity * mean, 0.0)
    return found
