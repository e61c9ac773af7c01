"""Words as the scorers of captions see them.

Two tokenizers, since published values rest on them: `ptb_words` as coco-caption's PTBTokenizer (lower case, no
punctuation, contractions split), `google_words` as `rouge-score`. Both keep letters of all scripts; the released
scorers erase what is not ASCII. In scripts without spaces a character is a word. Metrics of our own read `own` words
and `content`: there signs that belong to the letter before them (Unicode's marks, and joiners) stay in its word, as
Hindi, Tamil, Arabic and Thai write vowels.

No word reaches across white space, so each different piece between it is split, stemmed and hashed once.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.language.words import MARKS
from operators.narrate.grounding.lexicon import FUNCTION_WORDS

Words = npt.NDArray[np.uint64]
"""Shape (n,): a hash of each word."""

_DENSE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_SIGNS = re.escape(MARKS) + "\u200c\u200d"
_SPLIT = re.compile(r"\b(can)(not)\b|\b(gon|wan)(na)\b|\b(got)(ta)\b|\b(lem|gim)(me)\b|(?<=\w)(n['`]t\b)")
_SHORT = (  # keep their full stop
    "mrs?|ms|drs?|profs?|ste?|jr|sr|vs|etc|inc|ltd|co|corp|capt|col|gen|lt|sgt|rev|mt|ave|blvd|rd|jan|feb|mar|apr|jun|jul"
    "|aug|sept?|oct|nov|dec"
)


def _ptb_pattern(signs: str = "") -> re.Pattern[str]:
    """Words of PTBTokenizer; `signs`, a set of characters of a regular expression, belong to the letter before them."""
    more = f"[{signs}]*" if signs else ""
    alnum = rf"(?:[^\W_{_DENSE}]{more})" if more else rf"[^\W_{_DENSE}]"
    after_letter = rf"(?:(?<=[^\W\d_{_DENSE}])|(?<=[{signs}]))" if more else rf"(?<=[^\W\d_{_DENSE}])"
    joined = rf"(?:[dol]')?{alnum}+(?:(?:-(?:[dol]')?|[&_]){alnum}+)*"  # mother-in-law, 30-year-old, o'brien, at&t
    return re.compile(
        rf"[{_DENSE}]{more}"
        r"|(?:https?://|www\.)[^\s\"<>]*[\w/]"
        r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
        r"|</?[a-z][a-z0-9]*>"
        rf"|\bph\.d\.|(?:[^\W\d_{_DENSE}]\.){{2,}}"  # u.s.
        rf"|\b(?:{_SHORT})\.(?!{alnum})"
        r"|n['`]t\b|'(?:s|re|ve|ll|d|m|em|cause|n'|\d0s)(?!\w)|'t(?=(?:is|was)\b)|\by'(?=all\b)|\bma'am\b"
        rf"|(?<!\w)[+-]?\d*[.,:]?\d+(?:[.,:]\d+)+(?:-{alnum}+)*"  # 3.5, 1,000-year
        rf"|(?<!\w)[+-]\d+(?!{alnum})"
        rf"|{joined}(?:/{joined}){{1,2}}(?!/)"  # and/or, 1/2
        rf"|{joined}(?:{after_letter}[.!?](?=[^\W\d_{_DENSE}])(?!(?:n['`]t)\b){alnum}+)*"  # end.then, as one word
        rf"|[@#][^\W\d_{_DENSE}]\w*"
        r"|[?!]{2,}|_+|[%$&#@*+=<>/\\~^|°€£¢()\[\]{}]"
    )


_PTB, _OWN = _ptb_pattern(), _ptb_pattern(_SIGNS)
_NORMAL = {
    "(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-",
    "£": "#", "€": "$", "¢": "cents",
}  # fmt: skip
_ENTITIES = (("&quot;", " "), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_GOOGLE = re.compile(rf"[{_DENSE}]|[^\W_{_DENSE}]+")
_OWN_PLAIN = re.compile(rf"[{_DENSE}][{_SIGNS}]*|(?:[^\W_{_DENSE}][{_SIGNS}]*)+")
_TEXTS = 1024  # that are remembered: several metrics look at the same ones, one after the other
_PIECES = 200_000  # that are remembered
_STEM_FROM = 4  # rouge-score stems words of more than three letters


def pieces(text: str) -> list[str]:
    """What stands between white space, as PTBTokenizer reads it."""
    return text.lower().replace("’", "'").split()


@lru_cache(maxsize=_TEXTS)
def ptb_words(text: str) -> list[str]:
    """Words as coco-caption counts them; not to be changed by the caller.

    A bracket is the word -lrb- or another one: coco-caption means to leave brackets out, and looks for capital letters.
    """
    return list(chain.from_iterable(map(piece_ptb, pieces(text))))


def ptb_hashes(text: str) -> Words:
    """`hashed(ptb_words(text))`."""
    return np.frombuffer(b"".join(map(_ptb_bytes, pieces(text))), dtype=np.uint64)


@lru_cache(maxsize=_PIECES)
def piece_ptb(piece: str) -> tuple[str, ...]:
    """`ptb_words` of one of `pieces`."""
    return _split(piece, _PTB)


@lru_cache(maxsize=_PIECES)
def _ptb_bytes(piece: str) -> bytes:
    return hashed(piece_ptb(piece)).tobytes()


def _split(piece: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    if "&" in piece:
        for entity, sign in _ENTITIES:
            piece = piece.replace(entity, sign)
    return tuple(_NORMAL.get(word, word) for word in pattern.findall(_SPLIT.sub(_apart, piece)))


def _apart(found: re.Match[str]) -> str:
    parts = [part for part in found.groups() if part]
    return " ".join(parts) if len(parts) > 1 else f" {parts[0]}"


def own_words(text: str) -> list[str]:
    """`ptb_words` in which a sign stays with its letter; equal to these for texts of ASCII."""
    return list(chain.from_iterable(map(own_piece, pieces(text))))


def own_bytes(text: str) -> bytes:
    """Eight bytes a word of `own_words`: equal for texts of equal words."""
    return b"".join(map(_own_bytes, pieces(text)))


@lru_cache(maxsize=64)
def own_hashes(text: str) -> Words:
    """`hashed(own_words(text))`."""
    return np.frombuffer(own_bytes(text), dtype=np.uint64)


@lru_cache(maxsize=_PIECES)
def own_piece(piece: str) -> tuple[str, ...]:
    """`own_words` of one of `pieces`."""
    return piece_ptb(piece) if piece.isascii() else _split(unicodedata.normalize("NFC", piece), _OWN)


@lru_cache(maxsize=_PIECES)
def _own_bytes(piece: str) -> bytes:
    return hashed(own_piece(piece)).tobytes()


def own_stems(text: str) -> frozenset[str]:
    """Stems of the `own_words`."""
    return frozenset(chain.from_iterable(map(_own_stems, pieces(text))))


@lru_cache(maxsize=_PIECES)
def _own_stems(piece: str) -> tuple[str, ...]:
    return tuple(map(stem, own_piece(piece)))


@lru_cache(maxsize=_TEXTS)
def google_words(text: str) -> list[str]:
    """Words as rouge-score counts them with `use_stemmer=True`; not to be changed by the caller."""
    return list(chain.from_iterable(map(piece_google, text.lower().split())))


@lru_cache(maxsize=_PIECES)
def piece_google(piece: str) -> tuple[str, ...]:
    """`google_words` of lower-case text without white space."""
    return tuple(map(stem, _GOOGLE.findall(piece)))


@lru_cache(maxsize=_PIECES)
def stem(word: str) -> str:
    """The Porter stem (NLTK's extensions) of a word of more than three letters; others as they are."""
    return str(_stemmer().stem(word)) if len(word) >= _STEM_FROM and word.isascii() else word


def content_words(text: str) -> list[str]:
    """Stems of the words that say something, in order: function words, and letters alone, are left out."""
    return list(chain.from_iterable(map(piece_content, text.lower().split())))


@lru_cache(maxsize=_TEXTS)
def content(text: str) -> frozenset[str]:
    """`content_words` as a set."""
    return frozenset(chain.from_iterable(map(piece_content, text.lower().split())))


@lru_cache(maxsize=_PIECES)
def piece_content(piece: str) -> tuple[str, ...]:
    """`content_words` of lower-case text without white space."""
    if piece.isascii():
        return tuple(stem(word) for word in _GOOGLE.findall(piece) if not _empty(word))
    words = _OWN_PLAIN.findall(unicodedata.normalize("NFC", piece))
    return tuple(stem(word) for word in words if not _empty(word))


def _empty(word: str) -> bool:
    return word in FUNCTION_WORDS or (len(word) == 1 and word.isascii() and word.isalpha())


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@lru_cache(maxsize=500_000)
def _hashed(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def hashed(words: Sequence[str]) -> Words:
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
