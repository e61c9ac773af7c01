"""Words of a text as the grounding compares them."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain

from operators.language.words import WORD, stems
from operators.narrate.grounding.lexicon import FUNCTION_WORDS, SINGULAR

_PIECES = 65536  # between white space: no word reaches across it, so each different piece is split once
_WORD = re.compile(rf"{WORD.pattern}(?:'{WORD.pattern})*")


@lru_cache(maxsize=16384)
def words(text: str) -> tuple[str, ...]:
    """Lower-case words in order; "isn't" becomes "is not", a possessive loses its ending."""
    return tuple(chain.from_iterable(map(_words, _pieces(text))))


def _pieces(text: str) -> list[str]:
    return text.lower().replace("’", "'").split()


@lru_cache(maxsize=_PIECES)
def _words(piece: str) -> tuple[str, ...]:
    found = []
    for word in _WORD.findall(piece):
        if word.endswith("n't"):
            found += [{"ca": "can", "wo": "will"}.get(word[:-3], word[:-3]), "not"]
        else:
            found.append(word.split("'")[0])
    return tuple(found)


def singular(word: str) -> str:
    """English singular of a noun, near enough to compare two."""
    if word in SINGULAR:
        return SINGULAR[word]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-3] + "y" if word.endswith("ies") else word[:-1]
    return word


@lru_cache(maxsize=16384)
def content_stems(text: str) -> tuple[str, ...]:
    """Stems (`operators.language.words.stems`) of the words that say something, in order, repeats kept.

    Function words carry no evidence: every caption has them.
    """
    return tuple(chain.from_iterable(map(_content_stems, _pieces(text))))


def says_at_least(text: str, count: int) -> bool:
    """Whether a text has so many `content_stems`."""
    for piece in text.split():
        count -= _content_count(piece)
        if count <= 0:
            return True
    return count <= 0


@lru_cache(maxsize=_PIECES)
def _content_count(piece: str) -> int:
    return sum(len(_content_stems(part)) for part in _pieces(piece))


@lru_cache(maxsize=_PIECES)
def _content_stems(piece: str) -> tuple[str, ...]:
    return tuple(chain.from_iterable(map(_stems_of, _words(piece))))


@lru_cache(maxsize=_PIECES)
def _stems_of(word: str) -> tuple[str, ...]:
    return () if word in FUNCTION_WORDS else tuple(stems(SINGULAR.get(word, word)))
