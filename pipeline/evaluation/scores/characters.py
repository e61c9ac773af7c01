"""chrF2, chrF++ and BLEU with the tokenizer 13a: values of sacrebleu 2.6, from counts that can be added up.

sacrebleu counts with dictionaries, which takes a tenth of a second for a caption of a thousand words; here arrays are
counted. The tests compare both.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pipeline.evaluation.scores.overlap import Counted, Floats, bleu_stats, counted
from pipeline.evaluation.scores.tokens import Words, hashed, ngrams

CHARS, WORD_ORDER = 6, 2
_BETA = 2.0
_PUNCTUATION = frozenset(string.punctuation)


def chrf_grams(text: str) -> list[tuple[Words, Words]]:
    """Sorted n-grams with their counts: of 1 to 6 characters without white space, then of 1 and 2 words (chrF++)."""
    squeezed = "".join(text.split())
    points = np.frombuffer(squeezed.encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    every = [*ngrams(points, CHARS), *ngrams(hashed(_words(text)), WORD_ORDER)]
    return [np.unique(some, return_counts=True) for some in every]


def _words(text: str) -> list[str]:
    """Words with the punctuation at one of their ends taken off, as chrF++ counts them."""
    words: list[str] = []
    for word in text.split():
        if len(word) == 1:
            words.append(word)
        elif word[-1] in _PUNCTUATION:
            words += [word[:-1], word[-1]]
        elif word[0] in _PUNCTUATION:
            words += [word[0], word[1:]]
        else:
            words.append(word)
    return words


def chrf_stats(text: Sequence[tuple[Words, Words]], references: Sequence[Sequence[tuple[Words, Words]]]) -> list[int]:
    """For each order: n-grams of the text, of the reference, and of both; of the reference with the best chrF++."""
    best: tuple[float, list[int]] | None = None
    for reference in references:
        stats: list[int] = []
        for (own, often), (known, its) in zip(text, reference, strict=True):
            _, a, b = np.intersect1d(own, known, assume_unique=True, return_indices=True)
            shared = int(np.minimum(often[a], its[b]).sum())
            stats += [int(often.sum()) if len(known) else 0, int(its.sum()), shared]
        score = chrf(np.array(stats), words=WORD_ORDER)
        if best is None or score > best[0]:
            best = (score, stats)
    return best[1] if best else [0] * (3 * (CHARS + WORD_ORDER))


def chrf(stats: Floats, *, words: int = 0) -> float:
    """chrF2 (`words=0`) or chrF++ (`words=2`) of stats or of their sum, 0 to 100."""
    taken = np.asarray(stats, dtype=np.float64)[: 3 * (CHARS + words)].reshape(-1, 3)
    there = taken[(taken[:, 0] > 0) & (taken[:, 1] > 0)]
    if not len(there):
        return 0.0
    precision, recall = float((there[:, 2] / there[:, 0]).mean()), float((there[:, 2] / there[:, 1]).mean())
    if not precision + recall:
        return 0.0
    return 100 * (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    return Tokenizer13a()


def counted_13a(text: str) -> Counted:
    """Words in their own case, as WMT's mteval 13a splits them."""
    return counted(hashed(_tokenizer()(text.rstrip()).split()))


def sacrebleu_stats(text: Counted, references: Sequence[Counted]) -> list[int]:
    """As `overlap.bleu_stats`."""
    return bleu_stats(text, references)


def sacrebleu_bleu(stats: Floats, *, sentence: bool = False) -> float:
    """sacrebleu's BLEU of stats or of their sum, 0 to 100; `sentence`: with the effective order, as `sentence_bleu`."""
    from sacrebleu.metrics.bleu import BLEU

    values = [int(v) for v in stats]
    made = BLEU.compute_bleu(
        correct=values[2::2], total=values[3::2], sys_len=values[0], ref_len=values[1],
        smooth_method="exp", effective_order=sentence,
    )  # fmt: skip
    return float(made.score)
