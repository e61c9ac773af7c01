"""Untrusted text: what makes it storable, and what makes it safe to print; and times as text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})  # control, format (bidirectional), surrogates, line breaks
_JOINERS = frozenset({"\u200c", "\u200d"})  # Persian and Indic scripts and emoji need them


def repaired(text: str) -> str:
    """`text` as valid Unicode: surrogate pairs are joined, a surrogate without its other half becomes U+FFFD.

    JSON allows `"\\ud83d"`; UTF-8, and so Arrow and every file, does not.
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
    """`repaired`, and each control character but line breaks and tabs becomes U+FFFD.

    For text that a model wrote: no caption means a NUL, which many databases refuse, or an escape sequence.
    """
    return text if text.isprintable() else repaired(text).translate(_CONTROLS)


def repaired_value(value: Any) -> Any:
    """A JSON value with `repaired` applied to every string in it, keys included."""
    if isinstance(value, str):
        return repaired(value)
    if isinstance(value, dict):
        return {repaired_value(key): repaired_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [repaired_value(item) for item in value]
    return value


def printable(text: str, *, lines: bool = False) -> str:
    """`text` with control characters, escape sequences and bidirectional marks spelled out, as in `\\x1b`.

    A terminal obeys escape sequences wherever they come from: a file name or a caption could clear the screen, set its
    title or hide what follows.

    Args:
        lines: keep line breaks and tabs, for text of several lines.
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
    """m:ss, from an hour on h:mm:ss; the second that a player's clock shows, so never beyond the time itself."""
    whole = math.floor(time_s + 1e-6)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def nearest(word: str, known: Iterable[str], *, most: int = 1) -> str:
    """The tail of "X is not known": `"; did you mean Y?"` for the `most` known words most like it, `"."` for none."""
    by_case = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_case, n=most, cutoff=0.6)
    return f"; did you mean {' or '.join(by_case[name] for name in close)}?" if close else "."


_QUOTED = str.maketrans(
    {'"': "'", "“": "'", "”": "'", "„": "'", "«": "'", "»": "'", "`": "'", "<": "‹", ">": "›", "{": "(", "}": ")"}
)


def quotation(text: str, most: int = 600) -> str:
    """Text of others as a quotation in a prompt: within quotation marks, in one line, so that it cannot end it.

    Marks that could close the quotation, open a tag or a code block, or be one of a model's own tokens, such as
    `<|im_end|>`, are replaced; control characters and bidirectional marks are spelled out.

    Args:
        most: characters; longer text is cut.
    """
    return f'"{printable(" ".join(text.split())).translate(_QUOTED)[:most]}"'
