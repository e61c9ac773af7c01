"""Words as the scorers of captions see them.

Two tokenizers, since published values rest on them: `ptb_words` as coco-caption's PTBTokenizer (lower case, no
punctuation, contractions split), `google_words` as `rouge-score`. Both keep letters of all scripts; the released
scorers erase what is not ASCII. In scripts without spaces a character is a word.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.narrate.grounding.lexicon import FUNCTION_WORDS

Words = npt.NDArray[np.uint64]
"""Shape (n,): a hash of each word."""

_DENSE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_SPLIT = re.compile(r"\b(can)(not)\b|\b(gon|wan)(na)\b|\b(got)(ta)\b|(?<=\w)(n['’]t)\b")
_PTB = re.compile(
    rf"[{_DENSE}]"
    r"|(?:[^\W\d_]\.){2,}"  # u.s.
    r"|\b(?:mr|mrs|ms|dr|st|vs|jr|sr)\.(?=\s|$)"
    r"|n['’]t\b|['’](?:s|re|ve|ll|d|m)\b"
    r"|[+-]?\d+(?:[-.,:/]\d+)*(?:(?:st|nd|rd|th|s)\b)?"
    rf"|[^\W_{_DENSE}](?:(?!n['’]t\b)[^\W_{_DENSE}]|(?<=\w)[-&](?=\w)|(?<=o)['’](?=\w\w))*"
    r"|[%$&#@*+=<>/\\~^|_°€£]"
)
_GOOGLE = re.compile(rf"[{_DENSE}]|[^\W_{_DENSE}]+")
_TEXTS = 1024  # that are remembered: several metrics look at the same ones, one after the other
_STEM_FROM = 4  # rouge-score stems words of more than three letters


@lru_cache(maxsize=_TEXTS)
def ptb_words(text: str) -> list[str]:
    """Words as coco-caption counts them; not to be changed by the caller."""
    low = text.lower().replace("’", "'")
    if "n" in low and ("can" in low or "na" in low or "n'" in low or "n’" in low or "gotta" in low):
        low = _SPLIT.sub(_apart, low)
    return _PTB.findall(low)


def _apart(found: re.Match[str]) -> str:
    parts = [part for part in found.groups() if part]
    return " ".join(parts) if len(parts) > 1 else f" {parts[0]}"


@lru_cache(maxsize=_TEXTS)
def google_words(text: str) -> list[str]:
    """Words as rouge-score counts them with `use_stemmer=True`; not to be changed by the caller."""
    return [stem(word) for word in _GOOGLE.findall(text.lower())]


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The Porter stem (NLTK's extensions) of a word of more than three letters; others as they are."""
    return str(_stemmer().stem(word)) if len(word) >= _STEM_FROM and word.isascii() else word


def content_words(text: str) -> list[str]:
    """Stems of the words that say something, in order: function words, and letters alone, are left out."""
    return [word for word in map(_content, _GOOGLE.findall(text.lower())) if word]


@lru_cache(maxsize=_TEXTS)
def content(text: str) -> frozenset[str]:
    """`content_words` as a set."""
    return frozenset(map(_content, _GOOGLE.findall(text.lower()))) - {""}


@lru_cache(maxsize=200_000)
def _content(word: str) -> str:
    return "" if word in FUNCTION_WORDS or (len(word) == 1 and word.isascii() and word.isalpha()) else stem(word)


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@lru_cache(maxsize=500_000)
def _hashed(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def hashed(words: list[str]) -> Words:
    """The same in every process."""
    return np.fromiter(map(_hashed, words), dtype=np.uint64, count=len(words))


_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying loses nothing


def ngrams(words: Words, most: int = 4) -> list[Words]:
    """Hashes of all n-grams, one array for each n from 1 to `most`; two that differ are equal once in 2^64."""
    found, last = [], words
    for n in range(1, most + 1):
        if n > 1:
            last = last[:-1] * _BASE + words[n - 1 :] if len(words) >= n else np.zeros(0, dtype=np.uint64)
        found.append(last ^ np.uint64(n))
    return found
