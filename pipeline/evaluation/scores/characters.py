"""chrF2, chrF++ and BLEU with the tokenizer 13a: values of sacrebleu 2.6, from counts that can be added up.

sacrebleu counts with dictionaries, which takes a tenth of a second for a caption of a thousand words; here arrays are
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
_BITS = 10  # of a character in a run of six: with one that says the side they fill 61 of 64
_BETA = 2.0
_PUNCTUATION = frozenset(string.punctuation)
_PIECES = 200_000  # between white space, of which each different one is split once


@dataclass(frozen=True)
class Letters:
    """A text as chrF reads it.

    Attributes:
        points: code points, without white space.
        words: hashed, with the punctuation at one of their ends taken off (chrF++).
    """

    points: npt.NDArray[np.uint32]
    words: Words


def letters_of(pieces: Sequence[str], words: Words) -> Letters:
    """Of what stands between white space, and of the hashed `piece_chrf` of it."""
    return Letters(np.frombuffer("".join(pieces).encode("utf-32-le", "replace"), dtype=np.uint32), words)


def piece_chrf(piece: str) -> tuple[str, ...]:
    """The words that chrF++ counts in text without white space."""
    if len(piece) > 1 and piece[-1] in _PUNCTUATION:
        return piece[:-1], piece[-1]
    if len(piece) > 1 and piece[0] in _PUNCTUATION:
        return piece[0], piece[1:]
    return (piece,)


def chrf_stats(text: Letters, references: Sequence[Letters]) -> list[int]:
    """For each order: n-grams of the text, of the reference, and of both; of the reference with the best chrF++.

    Orders are 1 to 6 characters, then 1 and 2 words.
    """
    best: tuple[float, list[int]] | None = None
    for reference in references:
        stats: list[int] = []
        for n, both in enumerate(_shared_characters(text.points, reference.points), start=1):
            stats += _order(len(text.points) - n + 1, len(reference.points) - n + 1, both)
        for own, known in zip(ngrams(text.words, WORD_ORDER), ngrams(reference.words, WORD_ORDER), strict=True):
            stats += _order(len(own), len(known), shared(own, known))
        score = float(chrf(np.array(stats), words=WORD_ORDER))
        if best is None or score > best[0]:
            best = (score, stats)
    return best[1] if best else [0] * (3 * (CHARS + WORD_ORDER))


def _order(own: int, known: int, both: int) -> list[int]:
    return [max(0, own) if known > 0 else 0, max(0, known), both]


def _shared_characters(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32]) -> list[int]:
    """How many runs of 1 to 6 characters both have.

    The run of six from each place is one number, its first character in front. Sorted by that, runs of fewer characters
    are sorted as well, so that both texts are sorted once for all orders.
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
        # a run that the end of its text cuts is none; of each length there is one a side
        found.append(shared_runs(ends, theirs) - min(n - 1, cut))
    return found


def _alike_at_the_end(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32]) -> int:
    """How many of the last characters are equal; counted up to `CHARS`."""
    for k in range(1, CHARS):
        if k > min(len(a), len(b)) or a[-k] != b[-k]:
            return k - 1
    return CHARS - 1


def _coded(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64] | None:
    """Characters as numbers from 1 to 1023 that are equal where they are; None where there are more of them."""
    highest = int(points.max())
    if highest < (1 << _BITS) - 1:
        return points.astype(np.uint64) + np.uint64(1)
    there = np.zeros(highest + 1, dtype=np.bool_)
    there[points] = True
    numbers = there.cumsum(dtype=np.uint64)
    return numbers[points] if int(numbers[-1]) < 1 << _BITS else None


def _runs(coded: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The run of six characters from each place, above a bit that is left for the side."""
    padded = np.concatenate((coded, np.zeros(CHARS - 1, dtype=np.uint64)))
    found = np.zeros(len(coded), dtype=np.uint64)
    for k in range(CHARS):
        found |= padded[k : k + len(coded)] << np.uint64(1 + _BITS * (CHARS - 1 - k))
    return found


def _common(a: Words, b: Words) -> int:
    grams, counts = tallied(a)
    return int(np.minimum(counts, looked_up(grams, *tallied(b))).sum())


def chrf(stats: Floats, *, words: int = 0) -> Floats:
    """chrF2 (`words=0`) or chrF++ (`words=2`) of stats or of their sums, 0 to 100.

    Args:
        stats: shape (..., 24), as `chrf_stats`.
    """
    taken = np.asarray(stats, dtype=np.float64)[..., : 3 * (CHARS + words)]
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
    """Words in their own case, as WMT's mteval 13a splits them; sacrebleu's tokenizer does so for a whole text."""
    line = text.rstrip().replace("<skipped>", "").replace("-\n", "")
    return list(chain.from_iterable(map(piece_13a, line.split())))


@lru_cache(maxsize=_PIECES)
def piece_13a(piece: str) -> tuple[str, ...]:
    """`words_13a` of text without white space."""
    if "&" in piece:
        for entity, character in _ENTITIES:
            piece = piece.replace(entity, character)
    line = _BEFORE.sub(r" \1 \2", _BEHIND.sub(r"\1 \2 ", f" {piece} ".translate(_APART)))
    return tuple((_DASH.sub(r"\1 \2 ", line) if "-" in line else line).split())


def hashes_13a(text: str) -> Words:
    """`hashed(words_13a(text))`."""
    return hashed(words_13a(text))


def sacrebleu_bleu(stats: Floats, *, sentence: bool = False) -> Floats:
    """sacrebleu's BLEU of stats or of their sums, 0 to 100, smoothed as `smooth_method="exp"`.

    Args:
        stats: shape (..., 10), as `overlap.bleu_stats`.
        sentence: orders that a short text has no n-gram of are left out, as in `sentence_bleu`.
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
