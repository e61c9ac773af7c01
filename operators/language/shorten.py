"""Shorten a text to a number of words, as `count_words` counts them: in scripts without spaces by characters."""

from __future__ import annotations

from operators.language.words import count_words

_CHARACTERS = 2  # of a word in a script without spaces, as in `count_words`


def first_words(text: str, most: int) -> str:
    """Return the first `most` words of a text; a text that has no more is returned unchanged."""
    if count_words(text) <= most:
        return text
    kept: list[str] = []
    for word in text.split():
        takes = count_words(word)
        if takes > most:
            kept += [word[: _CHARACTERS * most]] if most else []
            break
        kept.append(word)
        most -= takes
    return " ".join(kept)


def last_words(text: str, most: int) -> str:
    """Return the last `most` words of a text; a text that has no more is returned unchanged."""
    return first_words(text[::-1], most)[::-1]
