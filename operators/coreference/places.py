"""Words around a mention that single one out of several: a place, a picture, or what it does (English).

"The man on the left" is one of two, "the man in the photo" is not in the scene, and of "the man at the door" and "the
man at the counter" in one sentence at most one is the named person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from operators.coreference.words import COLOURS, FUNCTION, WORN

_STEM = 5
_PICTURE = (
    r"statue|statuette|sculpture|bust|figurine|photo|photograph|snapshot|painting|drawing|sketch|illustration|portrait"
    r"|mural|poster|print|cartoon|caricature|cut-?out|silhouette|reflection|shadow|billboard|screen|monitor|television|tv"
)
_DEPICTION = re.compile(
    rf"\b(?:(?:{_PICTURE}|picture|image|video|footage|doll|puppet|mask)s?\s+of"
    rf"|(?:{_PICTURE})s?\s+(?:that\s+)?(?:show|display|featur)(?:e?s|ing|e)?|(?:depict|portray)(?:s|ed|ing)?)"
    r"\s+(?:[^.,;:!?]{0,40}\band\s+)?\Z",
    re.IGNORECASE,
)
_SINGLED = re.compile(
    r"\A\s*,?\s+(?:(?:who|that|which)\s+(?:is|was|are|were)\s+|(?:standing|sitting|seated|shown|seen|pictured)\s+)?"
    r"(?:(?:in|on|to|at|from|by)\s+(?:[a-z][\w'’-]*\s+){0,4}?(?P<place>left|right|left-hand|right-hand|middle|cent(?:er|re)"
    r"|back|rear|front|foreground|background|corner|distance|crowd|audience|photos?|photographs?|mirror|pictures?|images?"
    r"|poster|paintings?|portrait|drawing|mural|billboard|screen|monitor|tv|television|video|reflection)"
    r"|(?P<near>nearest|closest|farthest|furthest))\b",
    re.IGNORECASE,
)
_MODIFIER = re.compile(
    r"\A\s+(?:who|whose|that|which|in|on|at|by|near|behind|beside|between|under|over|inside|outside|above|below|next"
    r"|against|across|opposite|around|among|along|from|with|without|of|to\s+the|[a-z]{2,}ing)\b(?P<rest>[^.,;:!?()]*)",
    re.IGNORECASE,
)
_VERB = re.compile(r"(?:s|ed|ing|ly)\Z")
_BOUNDARY = re.compile(
    r"[,;:—–()]|\b(?:and|or|but|while|as|when|then|who|that|which|before|after|until|because|where|so|if|though)\b",
    re.IGNORECASE,
)
ENDS = re.compile(r"[.!?…]+[\"'”’)]*\s|\n")
"""The ends of sentences."""


def depicted(before: str) -> bool:
    """Return whether the text before a mention makes it a picture: "a statue of", "the mural depicts"."""
    return _DEPICTION.search(before) is not None


def singled_out(behind: str, known: frozenset[str]) -> bool:
    """Return whether a mention is followed by a place that singles it out, such as "on the left" or "in the photo".

    Args:
        behind: the text after the mention.
        known: stems of the words that describe the person or thing; a place among them is its own.
    """
    found = _SINGLED.match(behind)
    return found is not None and (found["place"] or found["near"]).lower()[:_STEM] not in known


def modified(behind: str, known: frozenset[str]) -> bool:
    """Return whether a mention is followed by words that tell it from others: "behind the counter", "who sings"."""
    found = _MODIFIER.match(behind)
    if found is None:
        return False
    said: list[str] = []
    for word in re.findall(r"[\w'’-]+", found["rest"].lower()):
        if word in FUNCTION or (said and _VERB.search(word) and word not in COLOURS and word not in WORN):
            if said:
                break
            continue
        said.append(word)
    return not said or any(word[:_STEM] not in known for word in said)


def several(mentions: Sequence[re.Match[str]], plain: str, known: frozenset[str]) -> bool:
    """Return whether mentions of somebody in one sentence cannot all be the same person or thing.

    They cannot if one of them is `modified`, or if two are in one clause: "the man hands the man a cup".

    Args:
        mentions: in order of the text.
        plain: the text that contains them, with quotes hidden.
        known: stems of the words that describe the person or thing.
    """
    if len(mentions) < 2:
        return False
    between = (plain[a.end() : b.start()] for a, b in pairwise(mentions))
    return any(modified(m.string[m.end() :], known) for m in mentions) or not all(map(_BOUNDARY.search, between))
