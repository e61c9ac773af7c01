"""Removal of markup from the text of a subtitle cue.

Removed are tags of WebVTT and HTML, overrides, comments and drawings of ASS, styles of MicroDVD, and control,
zero-width and bidirectional characters. Character references are decoded. "3 < 5" and "<3" are text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Literal

from operators.core.text import repaired

Format = Literal["srt", "vtt", "ass"]

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,15})((?:[.\s/][^<>]{0,500})?)>")
_TIME_TAG = re.compile(r"<(?:\d{1,6}:)?\d{1,2}:\d{2}[.,]\d{1,3}>")
_NAMELESS_TAG = re.compile(r"</?(?:\.[^<>\s]{0,100})?>")
_HTML = frozenset(
    re.findall(
        r"\w+",
        "a b big blink body br c center code del div em font h1 h2 h3 h4 h5 h6 head html i img ins lang li marquee ol "
        "p pre q rb rp rt rtc ruby s sami small span strike strong style sub sup sync table td tr tt u ul v",
    )
)
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "td"})
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_OVERRIDE = re.compile(r"\{\s*\\[^{}]*\}")
_BLOCK = re.compile(r"\{[^{}]*\}")  # ASS: overrides and comments
_MICRODVD = re.compile(r"\{[A-Za-z]:[^{}]{0,100}\}")
_DRAWING = re.compile(r"\\p\s*(\d+)")
_JOINERS = ("\u200c", "\u200d")


def plain_text(text: str, form: Format) -> str:
    """The words of a cue on one line; empty if it has none.

    Args:
        text: text of the cue, with line breaks.
        form: format of its markup; cues from pysubs2 have `ass`.
    """
    text = repaired(text)
    if form == "ass":
        text = _without_drawings(text)
    elif form == "srt":
        text = _MICRODVD.sub("", _OVERRIDE.sub("", text))
    text = re.sub(r"\\[Nnh]" if form == "ass" else r"\\[Nh]", " ", text)
    text = _without_tags(text, every=form == "vtt")
    text = _REFERENCE.sub(lambda found: html.unescape(found[0]), text)
    return _one_line(text)


def lines_of(text: str, words: str, form: Format) -> list[str]:
    """The lines of a cue without markup; all as one if a tag that goes over a line break makes them differ.

    Args:
        words: `plain_text` of the cue.
    """
    breaks = r"\\[Nn]|\n" if form == "ass" else r"\n"
    lines = [line for one in re.split(breaks, text) if (line := plain_text(one, form))]
    return lines if " ".join(lines) == words else [words]


def _without_drawings(text: str) -> str:
    """ASS without its blocks in braces, and without the shapes that stand between `\\p1` and `\\p0`."""
    kept, drawing, end = [], False, 0
    for block in _BLOCK.finditer(text):
        if not drawing:
            kept.append(text[end : block.start()])
        for scale in _DRAWING.findall(block[0]):
            drawing = int(scale[:9]) > 0
        end = block.end()
    if not drawing:
        kept.append(text[end:])
    return "".join(kept)


def _without_tags(text: str, *, every: bool) -> str:
    """Text without tags: in WebVTT whatever has the form of one, elsewhere those of HTML and those with attributes."""
    if "<" not in text:
        return text
    text = _TIME_TAG.sub("", text)
    closed = {name.lower() for slash, name, _ in _TAG.findall(text) if slash}

    def replacement(tag: re.Match[str]) -> str:
        name = tag[2].lower()
        if name == "rt":  # the reading of a character, as browsers without ruby show it
            return ")" if tag[1] else "("
        if not (every or name in _HTML or name in closed or "=" in tag[3]):
            return tag[0]
        return " " if name in _BREAKS else ""

    text = _TAG.sub(replacement, re.sub(r"</?rp>", "", text))
    return _NAMELESS_TAG.sub("", text) if every else text


def _one_line(text: str) -> str:
    kept = []
    for at, c in enumerate(text):
        if c in _JOINERS:  # Persian and Indic scripts and emoji need them; beside Latin letters they are dirt
            near = text[max(0, at - 1) : at] + text[at + 1 : at + 2]
            if len(near) == 2 and not any(n.isascii() or n.isspace() for n in near):
                kept.append(c)
        elif c.isspace():
            kept.append(" ")
        elif unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"):
            kept.append(c)
    return re.sub(" +", " ", unicodedata.normalize("NFC", "".join(kept))).strip()
