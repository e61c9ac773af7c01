"""Functions that make untrusted text safe to store and to print, and that format times."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})  # control, format (bidirectional), surrogates, line breaks
_JOINERS = frozenset({"\u200c", "\u200d"})  # Persian and Indic scripts and emoji need them


def repaired(text: str) -> str:
    """Return `text` as valid Unicode: surrogate pairs are joined, lone surrogates become U+FFFD.

    JSON allows `"\\ud83d"`; UTF-8, and so Arrow and text files, do not.
    """
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


_CONTROLS = dict.fromkeys((*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0)), "\ufffd")


def storable(text: str) -> str:
    """Return `repaired(text)` with control characters, except line breaks and tabs, replaced by U+FFFD.

    For text from a model: a caption has no use for escape sequences or NUL characters, which many databases refuse.
    """
    return text if text.isprintable() else repaired(text).translate(_CONTROLS)


def repaired_value(value: Any) -> Any:
    """Apply `repaired` to every string of a JSON value, keys included."""
    if isinstance(value, str):
        return repaired(value)
    if isinstance(value, dict):
        return {repaired_value(key): repaired_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [repaired_value(item) for item in value]
    return value


def printable(text: str, *, lines: bool = False) -> str:
    """Escape control characters, escape sequences and bidirectional marks in `text`, as in `\\x1b`.

    Terminals interpret escape sequences from any source: a file name or a caption could clear the screen, set its title
    or hide the text that follows.

    Args:
        lines: keep line breaks and tabs, for multi-line text.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = frozenset("\n\t") if lines else frozenset()
    return "".join(
        c if c in kept or c in _JOINERS or unicodedata.category(c) not in _ESCAPED else _spelled(c) for c in text
    )


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clock(time_s: float) -> str:
    """Format a time as m:ss, or as h:mm:ss from one hour on. Fractions are cut off, as in a player's display."""
    whole = math.floor(time_s + 1e-6)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def nearest(word: str, known: Iterable[str], *, most: int = 1) -> str:
    """The end of the sentence "X is not known": `"; did you mean Y?"`, or `"."` if no known word is similar.

    Args:
        most: maximum number of suggestions.
    """
    by_case = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_case, n=most, cutoff=0.6)
    return f"; did you mean {' or '.join(by_case[name] for name in close)}?" if close else "."


_QUOTED = str.maketrans(
    {'"': "'", "“": "'", "”": "'", "„": "'", "«": "'", "»": "'", "`": "'", "<": "‹", ">": "›", "{": "(", "}": ")"}
)


def quotation(text: str, most: int = 600) -> str:
    """Quote untrusted text for a prompt: one line in quotation marks that the text itself cannot close.

    Characters that could close the quotation, open a tag or a code block, or form a special token of a model, such as
    `<|im_end|>`, are replaced. Control characters and bidirectional marks are escaped.

    Args:
        most: maximum number of characters; longer text is cut.
    """
    return f'"{printable(" ".join(text.split())).translate(_QUOTED)[:most]}"'
