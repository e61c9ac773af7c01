"""What stands in quotes is said or written by somebody in the video: no rule looks into it."""

from __future__ import annotations

import re

HIDDEN = "\ue000"
"""Stands for each character inside quotes; from the private use area, so that no answer has it."""

_QUOTED = re.compile(
    r'(?<=")[^"\n]{1,600}(?=")'
    r"|(?<=“)[^”\n]{1,600}(?=”)|(?<=„)[^“”\n]{1,600}(?=[“”])|(?<=«)[^»\n]{1,600}(?=»)"
    r"|(?<=「)[^」\n]{1,600}(?=」)|(?<=『)[^』\n]{1,600}(?=』)"
    r"|(?<=‘)[^‘’\n]{1,300}(?=’(?!\w))|(?<=(?<!\w)')[^'\n]{1,300}(?='(?!\w))"
)


def masked(text: str) -> str:
    """`text`, of the same length, with everything between quotes hidden."""
    parts, at = [], 0
    while (found := _QUOTED.search(text, at)) is not None:
        parts += [text[at : found.start()], HIDDEN * (found.end() - found.start())]
        if found.end() >= len(text):
            at = len(text)
            break
        parts.append(text[found.end()])  # the closing quote opens nothing
        at = found.end() + 1
    return "".join([*parts, text[at:]])


def outside_quotes(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Matches of `pattern` that begin outside quotes."""
    return list(pattern.finditer(masked(text)))


def removed(pattern: re.Pattern[str], text: str, replacement: str = "") -> str:
    """`text` without what `pattern` finds outside quotes."""
    parts, at = [], 0
    for found in outside_quotes(pattern, text):
        parts += [text[at : found.start()], replacement]
        at = found.end()
    return "".join([*parts, text[at:]])
