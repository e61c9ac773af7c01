"""Words of a text as the grounding compares them."""

from __future__ import annotations

import re
from functools import lru_cache

from operators.language.words import WORD, stems
from operators.narrate.grounding.lexicon import FUNCTION_WORDS, SINGULAR

_WORD = re.compile(rf"{WORD.pattern}(?:'{WORD.pattern})*")


@lru_cache(maxsize=16384)
def words(text: str) -> tuple[str, ...]:
    """Lower-case words in order; "isn't" becomes "is not", a possessive loses its ending."""
    found = []
    for word in _WORD.findall(text.lower().replace("’", "'")):
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
    return tuple(stem for word in words(text) for stem in _stems_of(word))


@lru_cache(maxsize=65536)
def _stems_of(word: str) -> tuple[str, ...]:
    return () if word in FUNCTION_WORDS else tuple(stems(SINGULAR.get(word, word)))
