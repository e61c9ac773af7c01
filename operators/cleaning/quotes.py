"""What stands in quotes is said or written by somebody in the video: no rule looks into it."""

from __future__ import annotations

import re

HIDDEN = "\ue000"
"""Stands for each character inside quotes; from the private use area, so that no answer has it."""

_QUOTED = re.compile(
    r'"[^"\n]{0,600}"|“[^”\n]{0,600}”|„[^“”\n]{0,600}[“”]|«[^»\n]{0,600}»|「[^」\n]{0,600}」|『[^』\n]{0,600}』'
    r"|‘[^‘’\n]{0,300}’(?!\w)|(?<!\w)'[^'\n]{0,300}'(?!\w)"
)


def masked(text: str) -> str:
    """`text`, of the same length, with everything between quotes hidden."""
    return _QUOTED.sub(lambda found: found[0][0] + HIDDEN * (len(found[0]) - 2) + found[0][-1], text)


def unquoted(text: str) -> str:
    """`text`, of the same length, with spaces in place of everything between quotes."""
    return masked(text).replace(HIDDEN, " ")


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


_CITED = re.compile(r"\s*\[\d{1,4}(?:\s*[-–,;]\s*\d{1,4})*\]")


def uncited(sentence: str) -> str:
    """`sentence` without the marks `[3]` and `[2, 4]` of a narrator that cites."""
    return _CITED.sub("", sentence) if "[" in sentence else sentence
