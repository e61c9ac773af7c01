"""Characters that no caption is made of: invisible ones, entities, tags, escapes."""

from __future__ import annotations

import html
import re
import unicodedata

from operators.cleaning.context import Context
from operators.cleaning.quotes import removed

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_PERCENT = re.compile(r"%0[AaDd]|(?<=[^\W\d_])%20(?=[^\W\d_])|(?<=[.,;])%20")
_TERMINAL = re.compile("[\x1b\x9b\ufffd]\\[[0-9;?]*[A-Za-z]")
_LOST = re.compile("(?<=\\w)[\ufffd\ufffc]+(?=\\w)")  # a control character that stood for a space
_SPACES = re.compile("[\u00a0\u115f\u1160\u2000-\u200a\u202f\u205f\u2800\u3000\u3164\uffa0\t]")
_LINES = re.compile("\r\n?|[\u2028\u2029\u0085\x0b\x0c]")
_RUNS = re.compile(r"((?:[^\w\s]\s?){1,3}?)\1{3,}")
_GAPS = re.compile(r"\s{3,}")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS = "\u200c\u200d"
_SELECTORS = re.compile("(?<![\u00a9\u00ae\u203c-\u3299\u3400-\u9fff#*0-9\U0001f000-\U0003ffff])[\ufe00-\ufe0f]")
_WIDE = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
# Cyrillic letters within a word of Latin ones
_LOOKALIKE = str.maketrans("аеорсухіАВЕКМНОРСТХ", "aeopcyxiABEKMHOPCTX")
_MIXED = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[аеорсухіАВЕКМНОРСТХ])[A-Za-zаеорсухіАВЕКМНОРСТХ]+\b")
# UTF-8 that was read as Windows-1252. Only what no language writes: a capital or "ß" before a closing quotation mark
# would decode, too ("CAFÉ”", "Spaß“")
_BYTE = "[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
_MISREAD = re.compile(f"[\u00c2\u00c3][\u00a0-\u00bf]|\u00e2[\u20ac\u201a\u201e]{_BYTE}|\u00f0\u0178{_BYTE}{{2}}")
_JOINED = re.compile("[\u0590-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff\u2600-\u27bf\ufe0f\U0001f000-\U0001faff]")
_TAGS = (
    "p|br|b|i|u|s|em|strong|span|div|ul|ol|li|h[1-6]|hr|code|pre|blockquote|table|tr|td|th|thead|tbody|a|small|big|mark"
    "|html|body|head|title|section|article|center|font|q|cite|details|summary|figure|figcaption|caption|description|p1"
)
_BREAK_TAG = re.compile(r"</?(?:p|br|div|ul|ol|li|h[1-6]|hr|tr|table|blockquote|section|article)(?:\s[^<>]*)?/?>", re.I)
_TAG = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>", re.I)
_ATTRIBUTED = re.compile(r"</?[a-z][\w-]{0,30}(?:\s+[\w:-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'))+\s*/?>|</points?>", re.I)
_NOTE_TAG = re.compile(r"<(sup|sub|script|style)(?:\s[^<>]*)?>.*?</\1\s*>|<!--.*?-->", re.I | re.S)
_LATEX = re.compile(r"\\(?:text(?:bf|it|rm|tt|sf)?|emph|math(?:rm|bf|it)|underline)\{([^{}\n]*)\}")
_ESCAPE = re.compile(r"\\(?:r\\n|[nrt](?![a-z])|[\"'*_#`\[\]()-]|u[0-9a-fA-F]{4})")


def characters(text: str, context: Context) -> str:  # noqa: ARG001
    """Control, format and unassigned characters, terminal escapes, and every kind of space and line break but two."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return _shortened(text)
    text = _MISREAD.sub(_reread, text).translate(_WIDE)
    text = _MIXED.sub(lambda found: found.group(0).translate(_LOOKALIKE), text)
    text = _LOST.sub(" ", _LINES.sub("\n", _SPACES.sub(" ", _SELECTORS.sub("", _TERMINAL.sub("", text)))))
    return _shortened("".join(c for at, c in enumerate(text) if c == "\n" or not _invisible(text, at, c)))


def _reread(found: re.Match[str]) -> str:
    try:
        data = b"".join(c.encode("latin-1" if ord(c) < 0xA0 else "cp1252") for c in found.group(0))
        return data.decode("utf-8")
    except ValueError:
        return found.group(0)


def _shortened(text: str) -> str:
    """Signs without end come three times, spaces once: what rules look for is short, and so is their work."""
    return _GAPS.sub(lambda found: "\n\n" if "\n" in found.group(0) else " ", _RUNS.sub(r"\1\1\1", text))


def _invisible(text: str, at: int, character: str) -> bool:
    if character in _JOINERS:  # Persian and Indic scripts and emoji need them
        around = text[max(0, at - 1) : at] + text[at + 1 : at + 2]
        return len(around) < 2 or not _JOINED.search(around)
    return character in "\ufffd\ufffc" or unicodedata.category(character) in _INVISIBLE


def entities(text: str, context: Context) -> str:  # noqa: ARG001
    """HTML entities and percent-encoded white space become what they stand for, however often they were escaped."""
    text = _PERCENT.sub(lambda found: "\n" if found.group(0)[1] == "0" else " ", text)
    for _ in range(3):
        before, text = text, _ENTITY.sub(lambda found: html.unescape(found.group(0)), text)
        if text == before:
            break
    return text


def markup(text: str, context: Context) -> str:  # noqa: ARG001
    """HTML tags and comments; footnote marks set as `<sup>` go with what they hold."""
    if "<" not in text:
        return text
    return removed(_ATTRIBUTED, removed(_TAG, removed(_BREAK_TAG, removed(_NOTE_TAG, text), "\n")))


def escapes(text: str, context: Context) -> str:  # noqa: ARG001
    """`\\n`, `\\"` and their like, as if the answer stood inside a string; commands of LaTeX around words."""
    if "\\" not in text:
        return text
    text = _LATEX.sub(r"\1", text)
    parts, at = [], 0
    for found in _ESCAPE.finditer(text):
        parts += [text[at : found.start()], _meant(found.group(0))]
        at = found.end()
    return "".join([*parts, text[at:]])


def _meant(escape: str) -> str:
    if escape[1] == "u":
        code = int(escape[2:], 16)
        return "" if 0xD800 <= code < 0xE000 else chr(code)
    return "\n" if escape[1] in "nr" else " " if escape[1] == "t" else escape[1:]
