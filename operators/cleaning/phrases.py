"""What models write around a phrase: a number in front, a time or a count behind, a name of its field."""

from __future__ import annotations

import re

from operators.cleaning.context import Context

_NUMBER = re.compile(
    r"\A\s*(?:\(?\d{1,2}[.)]|[-*•–—→►▶✓✔✅])\s+(?=\S)|\A\s*(?:#|no\.? ?)\d{1,2}\s*[:.–—-]\s*", re.IGNORECASE
)
_FIELD = re.compile(
    r"\A\s*(?:(?:main |short |section )?(?:name|topic|title|label|heading|subject|action|event|camera|scene|looks?"
    r"|appearance|attire"
    r"|location|setting|text|person|object|entity))(?:\s*#?\d{1,2})?\s*[:：]\s*(?=\S)",
    re.IGNORECASE,
)
_PART = re.compile(
    r"\A\s*(?:part|section|chapter|scene|act|segment)\s+(?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten"
    r"|[ivx]{1,5})\s*[:.–—-]"
    r"\s*(?=\S)",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"\s*[(\[]\s*(?:"
    r"(?:(?:about|approx\.?|approximately|around|ca\.|~)\s*)?\d+\s*(?:words?|tokens?|sentences?)|(?:words?"
    r"|word count)\s*:?\s*\d+"
    r"|(?:at |from )?(?:\d{1,2}:)?\d{1,3}:\d\d(?:\s*(?:-|–|—|to)\s*(?:\d{1,2}:)?\d{1,3}:\d\d)?"
    r"|(?:from )?\d+(?:\.\d+)?\s*s?\s*(?:-|–|—|to)\s*\d+(?:\.\d+)?\s*s(?:ec\w*)?"
    r"|(?:captions?|windows?|frames?|sections?)\s*#?\d+[^()\[\]]{0,20}"
    r"|(?:also (?:called|known as|referred to|seen)|a\.?k\.?a\.?|same as|previously|formerly|referred to|likely"
    r"|possibly"
    r"|i\.e\.|see)\b[^()\[\]]*"
    r")\s*[)\]]\s*\Z",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"\A\W*(?:(?:same )?as (?:(?:described|stated|mentioned|seen|shown) )?(?:above|before|previously|earlier)|see above"
    r"|ditto|idem|same (?:as )?(?:before|above|person|man|woman)?|n/?a\b\s*[(:,;–—-].*|(?:cannot|can't"
    r"|could not) be (?:\w+ )?(?:determined|seen|identified|discerned|made out|inferred)"
    r"|not (?:clearly )?(?:visible|shown"
    r"|seen|clear|known|mentioned|described|determined|discernible|identifiable|legible)|(?:no )?(?:visible "
    r"|specific |other"
    r" |further )?(?:text|details?|camera (?:movement|motion)?) (?:is |are )?(?:not )?(?:visible|shown|seen|specified"
    r"|given"
    r"|provided|mentioned))\W*\Z",
    re.IGNORECASE,
)


def phrase(text: str, context: Context) -> str:  # noqa: ARG001
    """A short field without its number, its own name, its time and comments on it; empty where it says nothing."""
    before = None
    while before != text:
        before = text
        text = _BEHIND.sub("", _FIELD.sub("", _PART.sub("", _NUMBER.sub("", text))))
    return "" if _EMPTY.match(text) else text
