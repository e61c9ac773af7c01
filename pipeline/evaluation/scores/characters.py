"""chrF2, chrF++ and BLEU with the tokenizer 13a: values of sacrebleu 2.6, from counts that can be added up.

sacrebleu counts with dictionaries, which takes a tenth of a second for a caption of a thousand words; here arrays are
counted. The tests compare both.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import numpy as np

from pipeline.evaluation.scores.overlap import Counted, Floats, counted
from pipeline.evaluation.scores.tokens import Words, hashed, ngrams

CHARS, WORD_ORDER = 6, 2
_BETA = 2.0
_PUNCTUATION = frozenset(string.punctuation)
_PIECES = 200_000  # between white space, of which each different one is split once


def chrf_grams(text: str) -> list[tuple[Words, Words]]:
    """Sorted n-grams with their counts: of 1 to 6 characters without white space, then of 1 and 2 words (chrF++)."""
    squeezed = "".join(text.split())
    points = np.frombuffer(squeezed.encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    every = [*ngrams(points, CHARS), *ngrams(hashed(_words(text)), WORD_ORDER)]
    return [np.unique(some, return_counts=True) for some in every]


def _words(text: str) -> list[str]:
    """Words with the punctuation at one of their ends taken off, as chrF++ counts them."""
    return list(chain.from_iterable(map(_word, text.split())))


@lru_cache(maxsize=_PIECES)
def _word(piece: str) -> tuple[str, ...]:
    if len(piece) > 1 and piece[-1] in _PUNCTUATION:
        return piece[:-1], piece[-1]
    if len(piece) > 1 and piece[0] in _PUNCTUATION:
        return piece[0], piece[1:]
    return (piece,)


def chrf_stats(text: Sequence[tuple[Words, Words]], references: Sequence[Sequence[tuple[Words, Words]]]) -> list[int]:
    """For each order: n-grams of the text, of the reference, and of both; of the reference with the best chrF++."""
    best: tuple[float, list[int]] | None = None
    for reference in references:
        stats: list[int] = []
        for (own, often), (known, its) in zip(text, reference, strict=True):
            _, a, b = np.intersect1d(own, known, assume_unique=True, return_indices=True)
            shared = int(np.minimum(often[a], its[b]).sum())
            stats += [int(often.sum()) if len(known) else 0, int(its.sum()), shared]
        score = float(chrf(np.array(stats), words=WORD_ORDER))
        if best is None or score > best[0]:
            best = (score, stats)
    return best[1] if best else [0] * (3 * (CHARS + WORD_ORDER))


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
    return list(chain.from_iterable(map(_split_13a, line.split())))


@lru_cache(maxsize=_PIECES)
def _split_13a(piece: str) -> tuple[str, ...]:
    if "&" in piece:
        for entity, character in _ENTITIES:
            piece = piece.replace(entity, character)
    line = _BEFORE.sub(r" \1 \2", _BEHIND.sub(r"\1 \2 ", f" {piece} ".translate(_APART)))
    return tuple((_DASH.sub(r"\1 \2 ", line) if "-" in line else line).split())


def counted_13a(text: str) -> Counted:
    return counted(hashed(words_13a(text)))


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
