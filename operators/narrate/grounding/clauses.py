"""Division of a sentence into clauses, so that an unsupported clause can be removed and the rest kept.

No parser is used: a clause starts at a conjunction or comma and has at least two content words; shorter parts belong to
their neighbour. The concatenated clauses are the sentence, so a sentence without removed clauses is unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from operators.narrate.grounding.words import says_at_least

_JOINT = re.compile(
    r"(?:[;,]|\s[–—-])\s+(?:(?:and|but|or|so|yet|while|whereas|as|then|before|after|until|when|where|who|which|with|because)\s+"
    r"(?:then\s+)?)?"
    r"|\s+(?:and\s+then|and|but|while|whereas|then|before|after|until|when|where|who|which|because|as\s+(?=(?:a|an|the|he|she"
    r"|it|they|his|her|their|one|two|three|some|several|people|other|another)\b))(?![\w'’-])\s*",
    re.IGNORECASE,
)
_LEAST = 2  # words that say something
_PAIR = re.compile(r"\A\s+and\s+\Z", re.IGNORECASE)
# what begins with one of these has a subject of its own and can stand alone
_SUBJECT = re.compile(
    r"\A(?:a|an|the|he|she|it|they|his|her|their|its|one|two|three|four|five|six|some|several|many|people|this|that|these|"
    r"those|another|there|both|each|everyone|someone)\b",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"[\s,;:–—-]+\Z")
# words that need another behind them, and stand last where what followed was cut: "a green colour, which is"
_OPEN_END = re.compile(
    r"[\s,;:–—-]+(?:which|who|whom|whose|that|where|when|while|and|or|but|with|as|of|to|from|into|a|an|the|his|her|their|its|is|are|was"
    r"|were|be|being|been|has|have|had)\Z",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*\Z")


def clauses(sentence: str) -> list[tuple[str, str]]:
    """(connector, text) of each clause, in order; concatenated they are the sentence. The first connector is empty."""
    parts: list[tuple[str, str]] = []
    at, joint = 0, ""
    for found in _JOINT.finditer(sentence):
        parts.append((joint, sentence[at : found.start()]))
        at, joint = found.end(), found.group(0)
    parts.append((joint, sentence[at:]))
    merged: list[tuple[str, str]] = []
    enough = False  # whether the last of them says enough
    for joint, text in parts:
        more = says_at_least(text, _LEAST)
        if merged and (not more or not enough or _one_noun_phrase(joint, text)):
            before, head = merged[-1]
            whole = head + joint + text
            merged[-1] = (before, whole)
            enough = enough or more or says_at_least(whole, _LEAST)
        else:
            merged.append((joint, text))
            enough = more
    return merged


def _one_noun_phrase(joint: str, text: str) -> bool:
    """ "and a woman" goes on with a list; "and a woman sings" is a clause. Told by whether a verb may be in it."""
    return bool(_PAIR.match(joint)) and not _VERB.search(text)


_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|do|did|can|will|[^\W\d_]{2,}(?:s|ed|ing)|goes|ran|sat|stood|fell|threw|took|went|"
    r"came|got|hit|put|cut|held|began|made|caught|jump|run|walk|play|stand|sit|talk|dance|take|get|make|throw|begin|start|"
    r"move|turn|hold|look)\b",
    re.IGNORECASE,
)


def rejoined(parts: Sequence[tuple[str, str]], kept: Sequence[bool]) -> str:
    """Join the kept clauses to a sentence with a capital letter and an end mark; empty if they cannot stand alone.

    If the beginning was removed, the rest must have a subject of its own.
    """
    if all(kept):
        return "".join(joint + text for joint, text in parts)
    text = ""
    for (joint, part), keep in zip(parts, kept, strict=True):
        if not keep:
            continue
        if text:
            text += joint + part
        elif kept[0] or _SUBJECT.match(part):
            text = part
    text = _CLOSING.sub("", text)
    while not kept[-1] and (shorter := _OPEN_END.sub("", text)) != text:
        text = _CLOSING.sub("", shorter)
    if not text:
        return ""
    if not _END.search(text):
        end = _END.search("".join(part for _, part in parts))
        text += end.group(0) if end else "."
    return text[:1].upper() + text[1:]
