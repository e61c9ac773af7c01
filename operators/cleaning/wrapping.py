"""What an answer is wrapped in: fences, JSON where prose was asked for, quotes, several versions."""

from __future__ import annotations

import re
from typing import Any

from operators.cleaning import talk
from operators.cleaning.context import Context
from operators.cleaning.reader import find_json

_FENCED = re.compile(r"(?:^|(?<=[:\n]))[ \t]*(```+|~~~+)[ \t]*[\w+-]{0,20}[ \t]*\n?(.*?)(?:\n?[ \t]*\1|\Z)", re.S)
_LONE_FENCE = re.compile(
    r"(?:```+|~~~+)[ \t]*(?:json|text|markdown|md|plaintext|plain|txt|xml|yaml|html|caption)?\b", re.I
)
_WHOLE_TAG = re.compile(r"\A\s*<([a-zA-Z][\w-]{0,30})(?:\s[^<>]*)?>(.+)</\1>\s*\Z|\A\s*<!\[CDATA\[(.+)\]\]>\s*\Z", re.S)
_MARK_LINE = re.compile(
    r"^[ \t]*(?:\'{3}|\"{3}|<{3,}|>{3,}|\W{0,6}(?:begin|start|end)(?: of)?(?: the)? (?:caption|description|answer"
    r"|text|output"
    r"|summary|paragraph|section|response)\W{0,6})[ \t]*$",
    re.I | re.M,
)
# one text in the rest of an object, an assignment or a call: `"caption": "…"`, `caption = "…"`, `return "…"`, `("…",)`
_ASSIGNED = re.compile(
    r"\A\s*\{?\s*(?:[\"']?(?P<name>\w{1,30})[\"']?\s*[:=]\s*|return\s+|\w{0,30}\()\s*(?P<quote>[\"'])"
    r"(?P<text>(?:(?!(?P=quote)[\s,;)\]}]*\Z).)+)(?P=quote)[\s,;)\]}]*\Z",
    re.S,
)
_TICKS = re.compile(r"(?<![`\w])`([^`\n]{1,200})`(?![`\w])")
_BEST = (
    "caption",
    "description",
    "summary",
    "paragraph",
    "section",
    "opening",
    "text",
    "answer",
    "response",
    "output",
    "content",
    "result",
)
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“", "'": "'", "‘": "’", "「": "」", "*": "*"}
_VERSION = re.compile(
    r"^\W*(?:(?:option|version|alternative|variant|draft|caption|description|choice|candidate|take"
    r"|attempt)s?\s*(?:#|no\.? ?)?(?:\d{1,2}|[A-C]|one|two|three)"
    r"|(?:alternative(?:ly)?|revised|improved|corrected|shorter|longer|final|polished|refined|updated)(?: "
    r"(?:version|caption|description|answer|option|draft))?|or,? (?:even )?(?:more|less|in|slightly|a bit|put|as|for"
    r"|simply|shorter|briefly"
    r"|alternatively)\b[\w ,-]{0,40}(?=:))\W*?[:.)\n]",
    re.I | re.M,
)


def fences(text: str, context: Context) -> str:  # noqa: ARG001
    """Code fences, tags around a whole answer, lines that mark its beginning and end, ticks around words."""
    while found := _WHOLE_TAG.match(text):
        text = found.group(2) or found.group(3)
    bare = _MARK_LINE.sub("", text)
    text = bare if bare.strip() else text
    if "`" not in text and "~~~" not in text:
        return text
    found = _FENCED.search(text)
    if found and len(found.group(2).split()) >= 0.5 * len(text.split()):
        text = found.group(2)  # what stands around it introduces it or comments on it
    return _TICKS.sub(r"\1", _LONE_FENCE.sub("", text)).replace("```", "")


def as_json(text: str, context: Context) -> str:  # noqa: ARG001
    """Where prose was asked for and the answer is a JSON value, or what is left of one: the text in it."""
    if (found := _ASSIGNED.match(text)) and (found["name"] is None or found["name"].lower() in _BEST):
        return found["text"]
    if "{" not in text and text.strip()[:1] not in ("[", '"'):
        return text
    try:
        value, part = find_json(text)
    except ValueError:
        return text
    if len(part) < 0.6 * len(text.strip()):  # a quotation of some object, in prose
        return text
    return _prose_of(value) or text


def _prose_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(part for item in value if (part := _prose_of(item)))
    if not isinstance(value, dict):
        return ""
    for name in _BEST:
        for key, item in value.items():
            if str(key).lower().endswith(name) and (part := _prose_of(item)):
                return part
    return max((_prose_of(item) for item in value.values()), key=len, default="")


def wrapping_quotes(text: str, context: Context) -> str:  # noqa: ARG001
    """Quotes around the whole answer."""
    stripped = text.strip()
    first, last = stripped[:1], stripped[-1:]
    inside = stripped[1:-1]
    whole = _QUOTES.get(first) == last and len(inside.split()) >= 4
    return inside if whole and first not in inside and last not in inside else text


def versions(text: str, context: Context) -> str:  # noqa: ARG001
    """Of several versions of the answer the first."""
    found = list(_VERSION.finditer(text))
    if not found:
        return text
    last = found[-1]
    if re.match(r"\W*final", last.group(0), re.I) and talk.addresses(text[: found[0].start()].partition("\n")[0]):
        return text[last.end() :]  # what stands before it is how it came to be
    head = text[: found[0].start()].strip()
    if len(head.split()) >= 8 and not head.endswith(":"):  # a whole answer stood before the alternatives
        return head
    if len(found) < 2:
        return text
    return text[found[0].end() : found[1].start()]
