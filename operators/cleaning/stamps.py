"""Marks of time that a model sets before or behind sentences: `[3.0s]`, `0:05 –`, `00:00:01,000 --> 00:00:04,000`.

A mark behind the end of the video stays: its sentence tells what is not there, and `foreign.impossible_times` takes it.
"""

from __future__ import annotations

import re

from operators.cleaning.context import Context
from operators.cleaning.quotes import masked

_TIME = r"(?:\d{1,2}:)?\d{1,3}:\d\d(?:[.,]\d{1,3})?|\d+(?:\.\d+)?\s*(?:s|secs?|seconds?|m|mins?)\b|\d+\.\d+"
_RANGE = rf"(?:{_TIME})(?:\s*(?:-|–|—|to|-->|→)\s*(?:{_TIME}|\d+))?"
_SEPARATOR = r"(?:[ \t]*[\])])?[ \t]*(?::(?!\d)|[-–—|][ \t]|→|\n)|[ \t]*[\])][ \t]*"
# a line of its own, or what stands before the text of a line
_HEAD = re.compile(
    rf"^[ \t]*(?:\d{{1,4}}[ \t]*\n[ \t]*)?(?:[*_~-]{{0,3}}[ \t]*)?[\[(]?(?P<span>{_RANGE})(?:{_SEPARATOR})",
    re.MULTILINE,
)
_CUE = re.compile(rf"^[ \t]*(?:\d{{1,4}}[ \t]*\n[ \t]*)?(?P<span>(?:{_TIME})[ \t]*-->[ \t]*(?:{_TIME}))", re.MULTILINE)
# before sentences of one line: "0:00 - A man … 0:05 - He …"
_INLINE = re.compile(rf"(?:\A|(?<=[.!?] ))[\[(]?(?P<span>{_RANGE})(?:{_SEPARATOR})(?=[A-Z])")
_BRACKET = re.compile(
    rf"\s*\[\s*(?:at |from |t\s*=\s*|time:?\s*)?(?P<span>{_RANGE})\s*\]|\s*\(\s*t\s*[=≈:]\s*(?P<at>{_RANGE})\s*\)",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d\d(?:[.,]\d{1,3})?)|(\d+(?:\.\d+)?)\s*(m(?:in)?s?\b)?")


def heads(text: str, context: Context) -> str:
    """Times before lines or sentences, where more than one has one; lines of subtitles."""
    for pattern, least in ((_CUE, 1), (_HEAD, 2), (_INLINE, 2)):
        found = list(pattern.finditer(masked(text)))
        if len(found) >= least:
            text = _without(text, found, context)
    return text


def marks(text: str, context: Context) -> str:
    """Times in square brackets."""
    return _without(text, list(_BRACKET.finditer(masked(text))), context) if "[" in text or "(" in text else text


def _without(text: str, found: list[re.Match[str]], context: Context) -> str:
    parts, at = [], 0
    for one in found:
        if context.duration_s is not None and _latest_s(one) > context.duration_s + 1.0:
            continue
        parts.append(text[at : one.start()])
        at = one.end()
    return "".join([*parts, text[at:]])


def _latest_s(found: re.Match[str]) -> float:
    groups = found.groupdict()
    times = []
    for hours, minutes, seconds, amount, minute in _CLOCK.findall(groups["span"] or groups.get("at") or ""):
        if amount:
            times.append(float(amount) * (60 if minute else 1))
        else:
            times.append(int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", ".")))
    return max(times, default=0.0)
