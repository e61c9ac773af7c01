"""Which language a text is in, as far as it can be told: py3langid's 97 languages, from letters alone."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any

_LEAST_LETTERS = 40  # shorter texts, lists of names for one, are guessed wrong too often
_SURE = 0.95  # of 1: what a caption of ten words in its own language reaches


@lru_cache(maxsize=64)
def language_code(name: str) -> str | None:
    """ISO 639-1 code of a language by name or code ("English", "Brazilian Portuguese", "zh"); None where unknown."""
    from iso639 import Lang
    from iso639.exceptions import InvalidLanguageValue

    for word in (name, name.rsplit(maxsplit=1)[-1] if name.split() else ""):
        for spelling in (word, word.title(), word.lower()):
            with suppress(InvalidLanguageValue):
                code = Lang(spelling).pt1
                if code:
                    return str(code)
    return None


def likely_language(text: str, *, letters: int = _LEAST_LETTERS, sure: float = _SURE) -> str | None:
    """ISO 639-1 code of the language that `text` is in; None where it is too short or not clear.

    Args:
        letters: a text with fewer is too short; a quarter of them is enough in scripts without spaces.
        sure: probability from which on it is clear, 0 to 1.
    """
    by_script = None if text.isascii() else _by_script(text)
    if sum(map(str.isalpha, text)) < letters * (0.25 if by_script else 1.0):
        return None
    if by_script:
        return by_script
    if not text.isascii():
        text = "".join(ch for ch in text if not _dense(ch))  # a quoted word that would outweigh the sentence around it
    code, probability = _identifier().classify(text)
    return str(code) if probability >= sure else None


def load() -> None:
    """Load the identifier, half a second, before anybody waits for it."""
    _identifier()


def _dense(ch: str) -> bool:
    """Whether a character is of a script in which one says as much as a short word."""
    return "\u3040" <= ch <= "\u9fff" or "\uac00" <= ch <= "\ud7af"


def _by_script(text: str) -> str | None:
    """Chinese, Japanese or Korean where most letters are theirs: the identifier shares its word out among these."""
    letters = [ch for ch in text if ch.isalpha()]
    kana = sum("\u3040" <= ch <= "\u30ff" for ch in letters)
    han = sum("\u3400" <= ch <= "\u9fff" for ch in letters)
    hangul = sum("\uac00" <= ch <= "\ud7af" for ch in letters)
    if kana + han + hangul <= len(letters) / 2:
        return None
    if hangul > kana + han:
        return "ko"
    return "ja" if kana > 0.1 * han else "zh"


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
