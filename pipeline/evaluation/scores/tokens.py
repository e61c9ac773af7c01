"""Tokenizers of the caption scorers.

There are two, since published values depend on them: `ptb_words` as coco-caption's PTBTokenizer (lower case, no
punctuation, contractions split), and `google_words` as `rouge-score`. Both keep letters of all scripts; the released
scorers erase non-ASCII letters. In scripts without spaces each character is a word. Longcap's own metrics use `own`
words and `content`, in which signs that belong to the letter before them (Unicode marks and joiners) stay in its word,
since Hindi, Tamil, Arabic and Thai write vowels with them.

No word contains whitespace, so each distinct whitespace-delimited piece is split, stemmed and hashed once.
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
_SHORT = (  # abbreviations that keep their full stop
    "mrs?|ms|messrs|mme|mlle|drs?|profs?|ste?|jr|sr|vs|etc|cf|al|est|inc|ltd|cos?|corp|bros|pty|plc|cie|bhd|capt|cmdr|comdr|cpl"
    "|pvt|col|gen|maj|adm|lt|sgt|sfc|supt|rev|hon|pres|gov|sens?|reps?|esq|ph|ft|sq|ct|mt|ave|blvd|rd|dept|univ|assn|intl|natl"
    "|tel|ext|wm|jos|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tues?|wed|thu|thurs|fri|ala|ariz|calif|colo|conn|fla|ga"
    "|ind|kan|ky|md|mich|minn|mo|mont|neb|nev|okla|penn|tenn|va|vt|wis|wyo"
)


_KEPT = "\ue000"  # placeholder for a full stop that is kept


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
        rf"|[a-z]\.(?![^\W\d_])|[a-z]+{_KEPT}"  # j. smith, no. 7
        rf"|\b(?:{_SHORT})\.(?!{alnum})"
        r"|n['`]t\b|'(?:s|re|ve|ll|d|m|em|cause|n'|\d0s)(?!\w)|'n'(?=[a-z])|'t(?=(?:is|was)\b)|\by'(?=all\b)|\bma'am\b"
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
    "£": "#", "€": "$", "¢": "cents", "½": "1/2", "¼": "1/4", "¾": "3/4",
}  # fmt: skip
_ENTITIES = (("&quot;", " "), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_GOOGLE = re.compile(rf"[{_DENSE}]|[^\W_{_DENSE}]+")
_OWN_PLAIN = re.compile(rf"[{_DENSE}][{_SIGNS}]*|(?:[^\W_{_DENSE}][{_SIGNS}]*)+")
_TEXTS = 1024  # cached texts, since several metrics read the same ones in turn
_PIECES = 200_000  # cached pieces
_STEM_FROM = 4  # rouge-score stems words of more than three letters


# words that begin a sentence after a single letter, as in PTBTokenizer
_STARTS = (
    "a|about|according|additionally|after|an|as|at|but|earlier|he|her|here|however|if|in|it|last|many|more|mr\\.|ms\\.|now|once|one"
    "|other|our|she|since|so|some|such|that|the|their|then|there|these|they|this|we|what|when|while|yet|you"
)
_LETTER_END = re.compile(
    rf"\.(?<=[A-Za-z]\.)(?<![^\W_][A-Za-z]\.)(?<![.\-@#][A-Za-z]\.)(?=\s+(?=[A-Z])(?i:{_STARTS})(?:\s|\Z))"
)


_NUMBER_NEXT = re.compile(r"\.(?=\s+\d)")
_NUMBERED = re.compile(r"(?<![^\W_])(?:nos?|figs?|pp|art|op|ca|prop)\Z", re.IGNORECASE)


def with_stops(text: str) -> str:
    """Mark or remove the full stops on which PTBTokenizer decides by the next word.

    It keeps the one in "No. 7" and removes the one in "plan B. The man".
    """
    text = _LETTER_END.sub("", text)
    return _NUMBER_NEXT.sub(lambda m: _KEPT if _NUMBERED.search(text, max(0, m.start() - 6), m.start()) else ".", text)


def pieces(text: str) -> list[str]:
    """Return the whitespace-delimited pieces of a text, as PTBTokenizer reads them."""
    return _as_read(text).split()


def _as_read(text: str) -> str:
    return text.lower().replace("’", "'")


@lru_cache(maxsize=_TEXTS)
def ptb_words(text: str) -> list[str]:
    """Return words as coco-caption counts them; the caller must not change the list.

    A bracket is the word -lrb- or another one: coco-caption is meant to drop brackets, but looks for capital letters.
    """
    return list(chain.from_iterable(map(piece_ptb, pieces(with_stops(text)))))


def ptb_hashes(text: str) -> Words:
    """`hashed(ptb_words(text))`."""
    return np.frombuffer(b"".join(map(_ptb_bytes, with_stops(text).split())), dtype=np.uint64)


@lru_cache(maxsize=_PIECES)
def piece_ptb(piece: str) -> tuple[str, ...]:
    """Return `ptb_words` of one of `pieces`."""
    return _split(piece, _PTB)


@lru_cache(maxsize=_PIECES)
def _ptb_bytes(piece: str) -> bytes:
    return hashed(piece_ptb(_as_read(piece))).tobytes()


def _split(piece: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    if "&" in piece:
        for entity, sign in _ENTITIES:
            piece = piece.replace(entity, sign)
    found = pattern.findall(_SPLIT.sub(_apart, piece))
    return tuple(_NORMAL.get(word, word).replace(_KEPT, ".") for word in found)


def _apart(found: re.Match[str]) -> str:
    parts = [part for part in found.groups() if part]
    return " ".join(parts) if len(parts) > 1 else f" {parts[0]}"


def own_words(text: str) -> list[str]:
    """Return `ptb_words` in which a sign stays with its letter; equal to `ptb_words` for ASCII texts."""
    return list(chain.from_iterable(map(own_piece, pieces(with_stops(text)))))


def own_bytes(text: str) -> bytes:
    """Return eight bytes per word of `own_words`, equal for texts with equal words."""
    return b"".join(map(_own_bytes, with_stops(text).split()))


@lru_cache(maxsize=64)
def own_hashes(text: str) -> Words:
    """`hashed(own_words(text))`."""
    return np.frombuffer(own_bytes(text), dtype=np.uint64)


@lru_cache(maxsize=_PIECES)
def own_piece(piece: str) -> tuple[str, ...]:
    """Return `own_words` of one of `pieces`."""
    return piece_ptb(piece) if piece.isascii() else _split(unicodedata.normalize("NFC", piece), _OWN)


@lru_cache(maxsize=_PIECES)
def _own_bytes(piece: str) -> bytes:
    return hashed(own_piece(_as_read(piece))).tobytes()


def own_stems(text: str) -> frozenset[str]:
    """Return the stems of the `own_words`."""
    return frozenset(chain.from_iterable(map(_own_stems, with_stops(text).split())))


@lru_cache(maxsize=_PIECES)
def _own_stems(piece: str) -> tuple[str, ...]:
    return tuple(map(stem, own_piece(_as_read(piece))))


@lru_cache(maxsize=_TEXTS)
def google_words(text: str) -> list[str]:
    """Return words as rouge-score counts them with `use_stemmer=True`; the caller must not change the list."""
    return list(chain.from_iterable(map(piece_google, text.lower().split())))


@lru_cache(maxsize=_PIECES)
def piece_google(piece: str) -> tuple[str, ...]:
    """Return `google_words` of lower-case text without whitespace."""
    return tuple(map(stem, _GOOGLE.findall(piece)))


@lru_cache(maxsize=_PIECES)
def stem(word: str) -> str:
    """Return the Porter stem (NLTK's extensions) of a word of more than three letters; shorter words are unchanged."""
    return str(_stemmer().stem(word)) if len(word) >= _STEM_FROM and word.isascii() else word


def content_words(text: str) -> list[str]:
    """Return the stems of content words, in order, without function words and single letters."""
    return list(chain.from_iterable(map(piece_content, text.lower().split())))


@lru_cache(maxsize=_TEXTS)
def content(text: str) -> frozenset[str]:
    """Return `content_words` as a set."""
    return frozenset(chain.from_iterable(map(piece_content, text.lower().split())))


@lru_cache(maxsize=_PIECES)
def piece_content(piece: str) -> tuple[str, ...]:
    """Return `content_words` of lower-case text without whitespace."""
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
    """Return 64-bit hashes of words, equal in every process."""
    return np.fromiter(map(_hashed, words), dtype=np.uint64, count=len(words))


_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplication modulo 2^64 is invertible


def ngrams(words: Words, most: int = 4) -> list[Words]:
    """Hash all n-grams: one array for each n from 1 to `most`; two different n-grams collide once in 2^64."""
    found, last = [], words
    for n in range(1, most + 1):
        if n > 1:
            last = last[:-1] * _BASE + words[n - 1 :] if len(words) >= n else np.zeros(0, dtype=np.uint64)
        found.append(last ^ np.uint64(n))
    return found
