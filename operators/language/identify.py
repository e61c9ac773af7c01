"""Identify the language of a text with py3langid (some 140 languages), from its letters alone."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import Any

_LEAST_LETTERS = 40  # shorter texts, such as lists of names, are misidentified too often
_REGION = re.compile(r"[-_(]")
# names that languages give themselves, and English ones that ISO 639 has in another form
_OTHER_NAMES = {
    name.casefold(): code
    for code, names in {
        "ar": "العربية",
        "bg": "Български",
        "bn": "বাংলা",
        "ca": "Català",
        "cs": "Čeština",
        "da": "Dansk",
        "de": "Deutsch",
        "el": "Greek, Ελληνικά",
        "en": "English",
        "es": "Español, Castellano",
        "et": "Eesti",
        "fa": "Farsi, فارسی",
        "fi": "Suomi",
        "fr": "Français",
        "he": "עברית",
        "hi": "हिन्दी, हिंदी",
        "hr": "Hrvatski",
        "hu": "Magyar",
        "id": "Bahasa Indonesia",
        "it": "Italiano",
        "ja": "日本語",
        "ko": "한국어",
        "lt": "Lietuvių",
        "lv": "Latviešu",
        "ms": "Bahasa Melayu",
        "nb": "Bokmål",
        "nl": "Nederlands, Flemish",
        "nn": "Nynorsk",
        "no": "Norsk",
        "pl": "Polski",
        "pt": "Português",
        "ro": "Română",
        "ru": "Русский",
        "sk": "Slovenčina",
        "sl": "Slovenščina",
        "sr": "Српски, Srpski",
        "sv": "Svenska",
        "ta": "தமிழ்",
        "th": "ไทย",
        "tl": "Filipino",
        "tr": "Türkçe",
        "uk": "Українська",
        "ur": "اردو",
        "vi": "Tiếng Việt",
        "zh": "Mandarin, 中文, 汉语, 漢語, 简体中文, 繁體中文, 普通话, 普通話",
    }.items()
    for name in names.split(", ")
}
_KNOWN = frozenset(_OTHER_NAMES.values())  # to be identified, as can be said without loading anything
_NEAR = tuple(  # languages and dialects that are taken for each other in the length of a caption
    frozenset(codes.split())
    for codes in (
        "no nb nn da",
        "id ms jv",
        "hr bs sr",
        "pt gl",
        "cs sk",
        "ar arz ary",
        "zh yue wuu",
        "uz uzs",
        "fa tg",
    )
)
_WITHDRAWN = {"pob": "pt", "mo": "ro", "sh": "hr"}
"""Codes that ISO 639 has withdrawn without a successor, and `pob`, which subtitles use for Brazilian Portuguese."""
_SURE = 0.95  # probability that a caption of ten words in its language reaches


@lru_cache(maxsize=64)
def language_code(name: str) -> str | None:
    """Return the ISO 639-1 code of a language, or None if the name is unknown.

    Names are English ("English", "Brazilian Portuguese", "Chinese (Simplified)") or the language's own ("Deutsch"),
    codes those of ISO 639 or with a region or script ("zh", "pt-BR").
    """
    from iso639 import Lang
    from iso639.exceptions import DeprecatedLanguageValue, InvalidLanguageValue

    name = name.strip()
    language = _REGION.split(name, maxsplit=1)[0].strip()  # pt-BR, zh_Hans, Portuguese (Brazil)
    last = name.rsplit(maxsplit=1)[-1] if name else ""
    for word in (name, last, language):
        if (own := _OTHER_NAMES.get(word.casefold())) is not None:
            return own
        if (successor := _WITHDRAWN.get(word.lower())) is not None:
            return successor
        for spelling in (word, word.title(), word.lower()):
            with suppress(InvalidLanguageValue, DeprecatedLanguageValue):
                try:
                    code = Lang(spelling).pt1
                except DeprecatedLanguageValue as withdrawn:
                    code = Lang(withdrawn.change_to).pt1 if withdrawn.change_to else ""
                if code:
                    return str(code)
    return None


def likely_language(text: str, *, letters: int = _LEAST_LETTERS, sure: float = _SURE) -> str | None:
    """Return the ISO 639-1 code of the language of `text`; None if the text is too short or the result is uncertain.

    Args:
        letters: minimum number of letters; a quarter of it is enough in scripts without spaces.
        sure: minimum probability, 0 to 1.
    """
    by_script = None if text.isascii() else _by_script(text)
    if sum(map(str.isalpha, text)) < letters * (0.25 if by_script else 1.0):
        return None
    if by_script:
        return by_script
    if not text.isascii():
        text = "".join(ch for ch in text if not _dense(ch))  # a quoted word would outweigh the sentence
    code, probability = _identifier().classify(text)
    return str(code) if probability >= sure else None


def other_language(text: str, wanted: str, *, letters: int = _LEAST_LETTERS, sure: float = _SURE) -> str | None:
    """Return the code of the language of `text` if that is not `wanted` or one that is easily taken for it, else None.

    Args:
        wanted: ISO 639-1 code. For a language that cannot be identified the result is None.
        letters, sure: see `likely_language`.
    """
    if not _identified(wanted):
        return None
    found = likely_language(text, letters=letters, sure=sure)
    if found is None or found == wanted or any(wanted in near and found in near for near in _NEAR):
        return None
    return found


def unchecked(name: str) -> str | None:
    """Return why texts in a language cannot be checked for being in it, as the end of a sentence; None if they can."""
    code = language_code(name)
    if code is None:
        return f"{name!r} is not known as a name or code of a language"
    return None if _identified(code) else f"{name} is a language that cannot be identified"


def _identified(code: str) -> bool:
    return code in _KNOWN or code in _codes() or any(code in near and near & _codes() for near in _NEAR)


@lru_cache(maxsize=1)
def _codes() -> frozenset[str]:
    return frozenset(map(str, _identifier().nb_classes))


def load() -> None:
    """Load the identifier, which takes half a second, before it is needed."""
    _identifier()


def _dense(ch: str) -> bool:
    """Return whether a character is of a script in which one character is as much as a short word."""
    return "\u3040" <= ch <= "\u9fff" or "\uac00" <= ch <= "\ud7af"


def _by_script(text: str) -> str | None:
    """Return zh, ja or ko if most letters are of that script: py3langid splits its probability among them."""
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
