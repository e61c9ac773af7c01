"""Encodings of subtitles: what is read is read right, and what cannot be known is not read."""

from __future__ import annotations

import codecs

import pytest

from operators.video.encodings import UnknownEncoding, decode_text

SAID = {
    "cp1251": ("ru", "Где ты был вчера вечером?\nЯ ждал тебя до десяти."),
    "koi8-r": ("ru", "Привет, это субтитры на русском\nВторая строка"),
    "cp866": ("ru", "Где ты был вчера вечером?\nЯ ждал тебя до десяти."),
    "gbk": ("zh", "你好，这是中文字幕。\n第二行"),
    "gb18030": ("zh", "昨天晚上你在哪里？\n我等你到十点。"),
    "big5": ("zh", "我不知道你在說什麼。\n快走吧，他們來了！"),
    "cp932": ("ja", "こんにちは、これは字幕です。\n二行目"),
    "euc-jp": ("ja", "昨日の夜はどこにいたの？\n十時まで待っていたのに。"),
    "euc-kr": ("ko", "안녕하세요, 자막입니다.\n두 번째 줄"),
    "cp1250": ("pl", "Gdzie byłeś wczoraj wieczorem?\nCzekałem na ciebie. Nie odchodź, proszę."),
    "iso8859-2": ("pl", "Gdzie byłeś wczoraj wieczorem?\nCzekałem na ciebie. Nie odchodź, proszę."),
    "cp1252": ("fr", "Où étais-tu hier soir ?\nL’été, déjà… “oui” – cœur"),
    "cp1253": ("el", "Πού ήσουν χθες το βράδυ;\nΣε περίμενα μέχρι τις δέκα."),
    "cp1254": ("tr", "Ne yapıyorsun?\nBilmiyorum, gidiyoruz. Çok güzel, değil mi?"),
    "cp1255": ("he", "איפה היית אתמול בלילה?\nחיכיתי לך עד עשר."),
    "cp1256": ("ar", "أين كنت ليلة أمس؟\nانتظرتك حتى العاشرة."),
    "cp1257": ("lt", "Laukiau tavęs iki dešimtos. Ačiū, žinau, kad šiandien gražu."),
    "cp874": ("th", "เมื่อคืนคุณอยู่ที่ไหน\nฉันรอคุณจนถึงสิบโมง"),
}


def _srt(text: str, encoding: str) -> bytes:
    cues = (f"{i}\n00:00:0{i},000 --> 00:00:0{i},900\n{line}\n" for i, line in enumerate(text.split("\n")))
    return "\n".join(cues).encode(encoding)


@pytest.mark.parametrize("encoding", SAID)
def test_old_encodings_are_told_from_what_is_said(encoding: str) -> None:
    language, text = SAID[encoding]
    raw = _srt(text, encoding)
    assert decode_text(raw) == raw.decode(encoding)
    assert decode_text(raw, language=language) == raw.decode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("marked", [True, False])
def test_unicode_with_and_without_its_mark(encoding: str, marked: bool) -> None:
    for text in ("Hello wörld, привет", "昨日の夜はどこにいたの？", "plain"):
        raw = _srt(text, encoding)
        mark = "\ufeff".encode(encoding) if marked else b""
        assert decode_text(mark + raw) == raw.decode(encoding)
    cut = codecs.BOM_UTF16_LE + _srt("cut", "utf-16-le")[:-1]
    assert decode_text(cut).startswith("0\n00:00:00,000")


@pytest.mark.parametrize(
    "text", ["Ça va ?", "Tschüß!", "Perché?", "¡Adiós!", "We’re closed.", "That's 20£ for the café."]
)
def test_a_short_western_text_is_read(text: str) -> None:
    assert text in decode_text(_srt(text, "cp1252"))


@pytest.mark.parametrize(("encoding", "language", "text"), [
    ("cp1251", "ru", "Нет, спасибо."), ("cp1250", "pl", "Dziękuję."), ("gbk", "zho", "是的。"), ("koi8-r", "ru", "Да."),
    ("big5", "zh-TW", "對不起，我來晚了。"), ("cp1255", "heb", "תודה רבה"), ("euc-kr", "ko", "네."),
    ("cp1256", "ara", "شكرا جزيلا"),
])  # fmt: skip
def test_the_language_in_the_files_name_tells_short_texts(encoding: str, language: str, text: str) -> None:
    assert text in decode_text(_srt(text, encoding), language=language)


@pytest.mark.parametrize(("encoding", "text"), [
    ("koi8-r", "Да."), ("euc-kr", "네."), ("cp1256", "نعم."), ("big5", "謝謝"), ("gbk", "小心！"),
    ("mac-roman", "déjà été là, où ça"),
    ("cp850", "déjà été là, où ça"),
])  # fmt: skip
def test_what_cannot_be_known_is_not_guessed(encoding: str, text: str) -> None:
    with pytest.raises(UnknownEncoding):
        decode_text(_srt(text, encoding))


@pytest.mark.parametrize(("encoding", "language"), [
    ("iso2022_jp", "cp932"), ("iso2022_kr", "euc-kr"), ("hz", "gbk"), ("utf-7", "cp1251"), ("utf-7", "cp932"),
    ("utf-7", "cp1252"),
])  # fmt: skip
def test_encodings_of_seven_bits(encoding: str, language: str) -> None:
    text = "\n".join([SAID[language][1]] * 4)
    assert decode_text(_srt(text, encoding)) == _srt(text, "utf-8").decode()


@pytest.mark.parametrize("text", ["C++ and A+B+C, 1+1=2", "18+, Disney+Plus +More +Star ~{not}~", "+AAA+BBB+CCC+DDD"])
def test_a_plus_sign_is_a_plus_sign(text: str) -> None:
    assert text in decode_text(_srt(text, "ascii"))


def test_noise_is_not_text_and_a_broken_byte_costs_a_character() -> None:
    with pytest.raises(UnknownEncoding):
        decode_text(bytes(range(128, 256)) * 20)
    raw = _srt("Привет, это субтитры на русском, " * 4, "utf-8")
    at = raw.index("р".encode()) + 1
    assert decode_text(raw[:at] + raw[at + 1 :]).count("\ufffd") == 1
    twice = _srt("Où étais-tu, déjà là ?", "utf-8").decode("cp1252", "ignore").encode()
    assert "étais-tu" in decode_text(twice)
