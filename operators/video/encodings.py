"""Decoding of the bytes of a subtitle file, or the reason why its encoding cannot be determined.

The following are tried in order: a byte order mark, UTF-16 and UTF-32 by the pattern of zero bytes, UTF-8, a declared
encoding, and detection by chardet among the encodings that are used for subtitles. A detected encoding is accepted only
if no other one yields a different text that is nearly as likely, because captions would quote wrongly decoded text.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from operators.core.text import repaired

_BOMS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LANGUAGES = {  # encoding -> languages that are written in it
    "cp1252": "en fr de es pt it nl sv da no nb nn fi is ca eu gl ga af sq id ms sw lb fo br oc la",
    "cp1250": "pl cs sk hu ro sl hr bs sr sq",
    "iso8859-2": "pl cs sk hu ro sl hr bs sr sq",
    "cp1251": "ru uk bg sr mk be kk mn",
    "koi8-r": "ru",
    "koi8-u": "uk ru",
    "cp866": "ru",
    "iso8859-5": "ru bg sr mk be",
    "cp1253": "el",
    "iso8859-7": "el",
    "cp1254": "tr az",
    "cp1255": "he",
    "cp1256": "ar fa ur",
    "iso8859-6": "ar",
    "cp1257": "lt lv et",
    "cp1258": "vi",
    "cp874": "th",
    "gb18030": "zh",
    "big5hkscs": "zh",
    "cp932": "ja",
    "euc-jp": "ja",
    "cp949": "ko",
}
_NAMED = {"euc_jis_2004": "euc-jp", "euc_jisx0213": "euc-jp", "shift_jis": "cp932", "shift_jis_2004": "cp932"}
_LATIN = frozenset({"cp1252", "cp1250", "iso8859-2", "cp1254", "cp1257", "cp1258"})
_SAME = {"no": "nb", "nn": "nb", "iw": "he", "in": "id", "zh-tw": "zh"}
_THREE = {  # ISO 639-2 codes as file names have them
    **{"rus": "ru", "ukr": "uk", "bul": "bg", "srp": "sr", "scc": "sr", "mkd": "mk", "mac": "mk", "bel": "be"},
    **{"pol": "pl", "cze": "cs", "ces": "cs", "slk": "sk", "slo": "sk", "hun": "hu", "rum": "ro", "ron": "ro"},
    **{"slv": "sl", "hrv": "hr", "scr": "hr", "bos": "bs", "gre": "el", "ell": "el", "tur": "tr", "heb": "he"},
    **{"ara": "ar", "per": "fa", "fas": "fa", "lit": "lt", "lav": "lv", "est": "et", "vie": "vi", "tha": "th"},
    **{"chi": "zh", "zho": "zh", "jpn": "ja", "kor": "ko", "eng": "en", "fre": "fr", "fra": "fr", "ger": "de"},
    **{"deu": "de", "spa": "es", "por": "pt", "ita": "it", "dut": "nl", "nld": "nl", "swe": "sv", "dan": "da"},
    **{"nor": "no", "nob": "nb", "fin": "fi", "ice": "is", "isl": "is", "cat": "ca", "urd": "ur"},
}
_THORN = frozenset({"is", "fo"})
_DENSE = frozenset(  # first words of the names of letters that mix in Chinese, Japanese and Korean
    ["CJK", "HIRAGANA", "KATAKANA", "HANGUL", "FULLWIDTH", "HALFWIDTH", "KATAKANA-HIRAGANA", "BOPOMOFO", "IDEOGRAPHIC"]
)
_NO_SCRIPT = frozenset({"MODIFIER", "FEMININE", "MASCULINE", "?"})
_SAMPLE_BYTES = 64 * 1024
_MARGIN = 1.25  # by which the best text must be likelier than the next other one, and more so
_SHORT_BYTES = 8  # for a text of so many bytes outside ASCII
_FEW_BYTES = 12  # fewer bytes outside ASCII say nothing of an alphabet that nothing else points to
_CONTRADICTED_BYTES = 64  # a text must have to overrule the language in the file's name
_BROKEN = 0.02  # share of characters outside ASCII that may be broken: a cut line, a flipped bit
_DECLARED = re.compile(rb"(?:encoding|charset)\s{0,4}=\s{0,4}[\"']?([A-Za-z0-9._-]{2,40})", re.IGNORECASE)


_UTF7 = re.compile(rb"\+[A-Za-z0-9+/]{3,}")
_UTF7_LEAST = 3  # shifts to base64 in a file in UTF-7
_SCRIPTS = 3  # of Japanese


class UnknownEncoding(ValueError):
    """The encoding of a file cannot be known; the message says why, in a few words."""


def decode_text(raw: bytes, *, language: str | None = None) -> str:
    """The text of `raw`, without a byte order mark, as valid Unicode in form NFC.

    Args:
        language: what the file's name says, as `ru` or `pt-BR`; evidence, not a command.

    Raises:
        UnknownEncoding: no encoding is clearly the right one.
    """
    text = _unicode(raw)
    if text is None:
        text = _declared(raw) or _detected(raw, language)
    return unicodedata.normalize("NFC", repaired(text))


def _unicode(raw: bytes) -> str | None:
    """The text of a file in UTF-8, UTF-16, UTF-32 or seven bits; None where it is in none of them."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return _mostly(raw[len(mark) :], encoding)
    if wide := _wide(raw):
        return _mostly(raw, wide)
    if raw.isascii():
        return _seven_bits(raw)
    with suppress(UnicodeDecodeError):
        return _undone(raw.decode("utf-8"))
    with suppress(UnknownEncoding):
        return _mostly(raw, "utf-8")
    return None


def _declared(raw: bytes) -> str | None:
    """The text by the encoding that the file names, as TTML and SAMI do; None where it names none or a wrong one."""
    if declared := _DECLARED.search(raw[:1024]):
        with suppress(LookupError, UnicodeDecodeError, UnknownEncoding):
            return _plausible(raw.decode(codecs.lookup(declared[1].decode("ascii")).name))
    return None


def _wide(raw: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: times, numbers and line ends are ASCII, so that zero bytes lie in one lane."""
    head = raw[: _SAMPLE_BYTES - _SAMPLE_BYTES % 4]
    zeros = [head[lane::4].count(0) for lane in range(4)]
    if sum(zeros) < 0.05 * len(head) or len(head) < 8:
        return None
    quarter = len(head) / 4
    if min(zeros[1:]) > 0.5 * quarter and zeros[1] > 2 * zeros[0]:
        return "utf-32-le"
    if min(zeros[:3]) > 0.5 * quarter and zeros[1] > 2 * zeros[3]:
        return "utf-32-be"
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    if odd > 20 * even:
        return "utf-16-le"
    return "utf-16-be" if even > 20 * odd else None


def _mostly(raw: bytes, encoding: str) -> str:
    """Decode with a few broken characters replaced.

    Raises:
        UnknownEncoding: too many are broken.
    """
    text = raw.decode(encoding, "replace")
    broken, foreign = text.count("\ufffd"), sum(1 for c in text if c > "\x7f")
    if encoding == "utf-8" and broken > _BROKEN * foreign:
        raise UnknownEncoding("it is not UTF-8")
    if broken > 2 + _BROKEN * len(text):
        raise UnknownEncoding(f"its byte order mark says {encoding}, and it is not")
    return text


def _seven_bits(raw: bytes) -> str:
    """ASCII, or an encoding that writes other characters as ASCII: ISO-2022 (by escape), HZ, UTF-7."""
    for sign, encoding in ((b"\x1b$)C", "iso2022_kr"), (b"\x1b$", "iso2022_jp_ext"), (b"~{", "hz")):
        if sign in raw:
            with suppress(UnicodeDecodeError):
                return raw.decode(encoding)
    others, shifts = _UTF7.subn(b"", raw)
    if shifts >= _UTF7_LEAST and b"+" not in others:
        with suppress(UnicodeDecodeError, UnknownEncoding):
            text = _plausible(raw.decode("utf-7"))
            # what a plus sign makes of English by chance are characters of many alphabets
            if (
                len({unicodedata.name(c, "?").partition(" ")[0] for c in text if c > "\x7f" and c.isalpha()})
                <= _SCRIPTS
            ):
                return text
    return raw.decode("ascii")


def _undone(text: str) -> str:
    """UTF-8 that some program took for cp1252 and encoded again, as it was before; other text as it is."""
    foreign = [c for c in text[:_SAMPLE_BYTES] if c > "\x7f"]
    if len(foreign) < 4 or not all(ord(c) < 0x100 or c.encode("cp1252", "ignore") for c in foreign):
        return text
    try:
        raw = b"".join(c.encode("cp1252", "ignore") or c.encode("latin-1") for c in text)
        return raw.decode("utf-8")
    except UnicodeError:
        return text


def _detected(raw: bytes, language: str | None) -> str:
    import chardet

    sample = _foreign_lines(raw)
    found = chardet.detect_all(sample, ignore_threshold=True, compat_names=False, include_encodings=_LANGUAGES)
    scores: dict[str, float] = {}
    encodings: dict[str, list[str]] = {}
    for guess in found:
        encoding = _ours(guess["encoding"])
        if encoding is None:
            continue
        try:
            text = _plausible(sample.decode(encoding))
            if encoding == "cp874" and 4 * text.count("\u0e04") > len(text):
                continue  # the lead byte of hiragana in EUC-JP
        except (UnicodeDecodeError, UnknownEncoding):
            continue
        score = float(guess["confidence"]) * _by_language(encoding, text, language)
        scores[text] = max(scores.get(text, 0.0), score)
        encodings.setdefault(text, []).append(encoding)
    ranked = sorted(scores, key=lambda text: (-scores[text], text))
    if not ranked:
        raise UnknownEncoding("its encoding cannot be determined: it is none in which subtitles are written")
    best = ranked[0]
    own = encodings[best]
    foreign = sum(1 for byte in sample if byte > 0x7F)
    named = _known(language)
    agreed = named is not None and any(named in _LANGUAGES[e].split() for e in own)
    if not agreed and (
        (named is not None and foreign < _CONTRADICTED_BYTES) or (foreign < _FEW_BYTES and not _LATIN & {*own})
    ):
        raise UnknownEncoding("its encoding cannot be determined: there is too little text")
    next_agrees = named is not None and any(
        named in _LANGUAGES[e].split() for text in ranked[1:2] for e in encodings[text]
    )
    margin = _MARGIN if (agreed and not next_agrees) or "cp1252" in own else _MARGIN * (1 + _SHORT_BYTES / foreign)
    if len(ranked) > 1 and scores[best] < margin * scores[ranked[1]]:
        both = " or ".join(sorted((encodings[best][0], encodings[ranked[1]][0])))
        raise UnknownEncoding(f"its encoding cannot be determined: it may be {both}")
    return _mostly_any(raw, own)


def _foreign_lines(raw: bytes) -> bytes:
    """Those lines that are not plain ASCII: numbers and times say nothing."""
    lines = (line.strip() for line in re.split(rb"[\r\n]+", raw[: 64 * _SAMPLE_BYTES]) if not line.isascii())
    kept: list[bytes] = []
    size = 0
    for line in lines:
        if size + len(line) > _SAMPLE_BYTES and kept:
            break
        kept.append(line)
        size += len(line)
    return b"\n".join(kept)


def _ours(encoding: str | None) -> str | None:
    known = {codecs.lookup(e).name: e for e in _LANGUAGES}
    with suppress(LookupError):
        name = codecs.lookup(encoding or "").name
        return known.get(name) or _NAMED.get(name)
    return None


def _by_language(encoding: str, text: str, tag: str | None) -> float:
    """How much likelier what is known of the language makes an encoding."""
    languages = _LANGUAGES[encoding].split()
    factor = 1.0
    if code := _known(tag):
        factor *= 3.0 if code in languages else 0.33
    if encoding in _LATIN:
        spoken, sure = _identifier().classify("".join(c if c.isascii() else " " for c in text))
        if sure > 0.9:
            factor *= 2.0 if spoken in languages else 0.5
        elif encoding == "cp1252":
            factor *= 1.5  # what most of the short ones are
        if encoding == "cp1252" and spoken not in _THORN and any(c in text for c in "þðýÞÐÝ"):
            factor *= 0.4  # where cp1254 has the letters of Turkish
    return factor


def _known(tag: str | None) -> str | None:
    """ISO 639-1 code of a language tag; None where it is none whose encodings are known."""
    code = (tag or "").lower().partition("-")[0]
    code = _THREE.get(code, code)
    return code if any(code in some.split() for some in _LANGUAGES.values()) else None


def _plausible(text: str) -> str:
    """`text`, if people write so.

    Raises:
        UnknownEncoding: signs inside of words, words of two alphabets, control characters.
    """
    words = re.findall(r"[^\s\x00-\x40\x5b-\x60\x7b-\x7f]\S*", text)
    odd = sum(1 for word in words if not word.isascii() and _odd(word))
    foreign = sum(1 for word in words if not word.isascii())
    if odd > 0.1 * foreign:
        raise UnknownEncoding("no one writes so")
    return text


def _odd(word: str) -> bool:
    scripts = set()
    for before, here, after in zip(" " + word, word, word[1:] + " ", strict=False):
        kind = unicodedata.category(here)
        if kind in ("Cc", "Co", "Cn"):
            return True
        if here.isascii():
            if here.isalpha():
                scripts.add("LATIN")
            continue
        if here.isalpha():
            scripts.add(unicodedata.name(here, "?").partition(" ")[0])
            if here.isupper() and before.islower():
                return True
        elif (
            kind[0] in "SPN" and kind not in ("Pf", "Pd") and before.isalpha() and after.isalpha() and before < "\u2e80"
        ):
            return True
    scripts -= _NO_SCRIPT
    if len(scripts) > 1 and scripts <= _DENSE | {"LATIN"}:  # brand names stand in Chinese text, few signs in Latin text
        latin = sum(1 for c in word if c.isascii() and c.islower())
        return latin > sum(1 for c in word if c.isalpha() and not c.isascii())
    return len(scripts) > 1 and not scripts <= _DENSE


def _mostly_any(raw: bytes, encodings: Iterable[str]) -> str:
    """Decode all of the file in the first encoding that leaves next to nothing broken."""
    for encoding in encodings:
        text = raw.decode(encoding, "replace")
        if text.count("\ufffd") <= _BROKEN * sum(1 for c in text if c > "\x7f"):
            return text
    raise UnknownEncoding(f"it is not all {next(iter(encodings))}")


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
