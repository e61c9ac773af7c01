from __future__ import annotations

import pytest

from operators.language.identify import language_code, likely_language, other_language, unchecked

TEXTS = {
    "en": "A man in a red jacket walks along a narrow street and stops at a door.",
    "fr": "Un homme en veste rouge marche le long d'une rue étroite et s'arrête devant une porte.",
    "de": "Ein Mann in einer roten Jacke geht eine enge Straße entlang und hält vor einer Tür.",
    "pt": "Um homem de jaqueta vermelha caminha por uma rua estreita e para diante de uma porta.",
    "zh": "一个穿红夹克的男人沿着狭窄的街道走着，停在一扇门前。",
    "ja": "赤い上着を着た男性が狭い通りを歩き、ドアの前で立ち止まります。",
    "ko": "빨간 재킷을 입은 남자가 좁은 거리를 따라 걷다가 문 앞에서 멈춘다.",
    "ru": "Мужчина в красной куртке идёт по узкой улице и останавливается у двери.",
    "hi": "लाल जैकेट पहने एक आदमी संकरी गली में चलता है और दरवाजे पर रुकता है। एक महिला दरवाजा खोलती है।",
}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("English", "en"),
        ("english", "en"),
        ("en", "en"),
        ("EN", "en"),
        ("zho", "zh"),
        ("Brazilian Portuguese", "pt"),
        ("British English", "en"),
        ("French", "fr"),
        ("en-US", "en"),
        ("en_GB", "en"),
        ("zh-CN", "zh"),
        ("zh-Hans-CN", "zh"),
        ("pt-BR", "pt"),
        ("English (US)", "en"),
        ("Chinese (Simplified)", "zh"),
        ("Portuguese (Brazil)", "pt"),
        ("Deutsch", "de"),
        ("français", "fr"),
        ("中文", "zh"),
        ("Mandarin", "zh"),
        ("Farsi", "fa"),
        ("Greek", "el"),
        ("pob", "pt"),
        ("scr", "hr"),
        ("scc", "sr"),
        ("mol", "ro"),
        ("mo", "ro"),
        ("iw", "he"),
        ("in", "id"),
        ("ji", "yi"),
        ("jw", "jv"),
        ("jaw", "jv"),
        ("sh", "hr"),
        ("Moldavian", "ro"),
        ("Klingon", None),
        ("Klingon as sung at sea", None),
        ("Esperanto", "eo"),
        ("", None),
        (" ", None),
        ("any", None),
    ],
)
def test_languages_by_name_or_code(name: str, code: str | None) -> None:
    assert language_code(name) == code


@pytest.mark.parametrize("code", TEXTS)
def test_the_language_of_a_caption(code: str) -> None:
    assert likely_language(TEXTS[code]) == code


def test_a_name_in_another_script_does_not_decide() -> None:
    assert likely_language(f"{TEXTS['en']} A sign says 红夹克商店.") == "en"
    assert likely_language(f"{TEXTS['zh']} WELCOME") == "zh"


@pytest.mark.parametrize("text", ["", "…", "12:30 – 14:45", "Hotel Sacher, Wien.", "Anna, Bert, Carl", "门前。"])
def test_what_is_too_short_is_in_no_language(text: str) -> None:
    assert likely_language(text) is None


def test_relatives_are_not_another_language() -> None:
    assert other_language(TEXTS["de"], "en") == "de"
    assert other_language(TEXTS["de"], "de") is None
    assert other_language(TEXTS["de"], "mi") is None  # no text can be shown to be Maori


@pytest.mark.parametrize("name", ["English", "nb", "Bokmål", "Nynorsk", "yo", "pt-BR", "Deutsch"])
def test_languages_that_are_checked(name: str) -> None:
    assert unchecked(name) is None


def test_languages_that_are_not_checked() -> None:
    assert unchecked("Germn") == "'Germn' is not known as a name or code of a language"
    assert unchecked("Maori") == "Maori is a language that cannot be identified"
