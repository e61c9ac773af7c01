"""Words in front of a caption that name it, number it or announce it: "Scene 3 of 12 |", "Here goes nothing:"."""

from __future__ import annotations

import re

from operators.cleaning.context import Context
from operators.cleaning.quotes import HIDDEN, masked

_MOST_CHARACTERS = 80
_ROUNDS = 4  # announcements in sequence; an answer that loops has hundreds
_NUMBER = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_PIECE = (
    r"(?:windows?|clips?|segments?|section|scene|shot|frames?|chunk|part|video|images?|pictures?|stills?|stretch"
    r"|timestamp|time|span|interval|excerpt)"
)
# what a model writes: one of these makes words a heading
_TEXT = re.compile(
    r"captions?|captioning|descriptions?|summary|summaries|narration|rewrite|draft|synopsis|response|answer|output"
    r"|paragraph"
)
# what is described: with a number behind it, or in brackets, one of these makes words a heading
_DESCRIBED = re.compile(_PIECE)
# what a version of a text is: "Polished version:"
_EDITED = re.compile(
    r"final|polished|refined|revised|improved|concise|short(?:er)?|long(?:er)?|rewritten|edited|detailed|brief|cleaned"
    r"|corrected|updated"
)
_BESIDE = re.compile(
    r"alt|the|an?|my|your|our|this|is|be|of|for|to|from|through|at|in|on|and|or|s|secs?|seconds?|min|minutes?|no|number"
    r"|full|dense|plain|visual|objective|factual|requested|suggested|proposed|possible|generated|complete|best|new"
    r"|english|text|attempt|try|key|only|single|combined|merged|overall|main|here|as|follows|below|following|version"
    rf"|narrative|user|t|{_NUMBER}|\d+(?:s|secs?|st|nd|rd|th|m|min)"
)
_NUMBERED = re.compile(
    rf"\b{_PIECE}[\s#_*]*(?:(?:no|number)\b\.?\s*)?{_NUMBER}\b|\b\d+(?:st|nd|rd|th)\s+{_PIECE}\b", re.IGNORECASE
)
_SHORT = re.compile(r"\W*(?:w ?#?\d+|t ?= ?\d+s?)\W*", re.IGNORECASE)  # "W4:", "t=30s:"
_DASH = re.compile(r"(?<=\s)[-–—](?=\s)")
_STATES = re.compile(r"\b(?:is|are|was|were)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_ENDS = re.compile(r"[:：](?!\d)|=+>|-+>|→|\|+|//+|(?<=\s)[-–—](?=\s)|[\])}>](?=\s)")
_OPENERS = {"]": "[", ")": "(", "}": "{", ">": "<"}
_KEY = re.compile(
    r"\A\W{0,4}[\"“'](?:caption|description|summary|narration|answer|output|text)(?:_\w+)?[\"”']\s*[:=]\s*"
)

_UP_TO_COLON = rf"(?:[^.!?\n:：{HIDDEN}]|\.(?=\d)|(?<=\d):(?=\d))"
_IT = r"(?:it|this|that|things|(?:the|this|a) (?:scene|clip|story|video|frames?|caption))"
_NOT_SAID = rf"(?!{_UP_TO_COLON}*\b(?:says?|said|writ\w+|asks?|shouts?|signs?|recipe|rules?|steps?|message)\b)"
_ANNOUNCED = re.compile(
    rf"\A\W{{0,4}}{_NOT_SAID}"
    rf"(?:here(?:'s| is)? (?:goes(?: nothing)?|we go|it (?:is|goes)|(?:how|what) {_IT}\b{_UP_TO_COLON}{{0,30}})"
    r"|what (?:goes on|is going on|takes place|unfolds|plays out)"
    r"(?: here| in (?:this|the) \w+| is (?:this|as follows))*"
    rf"|{_IT} (?:goes|unfolds|plays out) (?:like this|as follows|so)"
    r"|(?:the|my|an) (?:answer|reply|response) to (?:your|the) \w+ (?:is|would be)(?: this| as follows)?"
    rf"|my (?:take|try|attempt|guess)(?: (?:on|at|of) {_IT})?)\s*[:：]\s*",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"\A\W{0,4}(?:"
    # told to the reader who asked
    r"(?:per|as|in|at|following|according to|with|to)\b[^,.:;!?\n]{0,40}\byour (?:request|instructions?|prompt|question"
    r"|guidelines?|wish(?:es)?|brief|specifications?)"
    r"|as (?:you|the prompt|the instructions) (?:requested|asked|instructed|specified|wanted|wished|require|ask|say)"
    # how it is told
    r"|in plain (?:words|english|terms|language)|(?:to (?:cut|make) a )?long story short|in a nutshell"
    r"|without (?:further|more|any further) ado|to put it (?:plainly|shortly)"
    # how the frames were looked through
    r"|(?:reading|stepping|going|scrolling|flipping|paging|working) (?:\w+ )?(?:the|these|all"
    r"(?: the)?) (?:\w+ )?(?:frames|stills|thumbnails|samples) (?:one by one|in (?:order|sequence|turn)"
    r"|(?:from )?(?:left to right|first to last|start to finish|top to bottom))"
    r"),\s+(?=\w)",
    re.IGNORECASE,
)
_WAITS = re.compile(
    r"\A\W{0,4}(?:(?:(?:one|just an?|just one|give me an?|wait an?|hold on an?) (?:moment|second|sec|minute)"
    r"(?:,? please)?|let me (?:think|see|check|look|have a look|take a (?:closer )?look)\b[^.,:;!?\n]{0,30})"
    r"[.!…:]+\s+)+(?=\w)",
    re.IGNORECASE,
)


def headings(text: str, context: Context) -> str:  # noqa: ARG001
    """Remove the beginning up to a colon, bar, dash, arrow or bracket, if all its words belong to the name, number or
    time of a caption."""
    key = _KEY.match(text)
    start = masked(text[: _MOST_CHARACTERS + 1])
    dashes = _DASH.findall(start)
    ends = [
        one.end()
        for one in _ENDS.finditer(start)
        # two dashes enclose words of a sentence, and a dash behind a verb is no end of a heading
        if not (one[0] in dashes and (len(dashes) > 1 or _STATES.search(start[: one.start()])))
        and _is_heading(start[: one.start()], one[0])
    ]
    return _behind(text, max(ends, default=key.end() if key else 0))


def announcements(text: str, context: Context) -> str:  # noqa: ARG001
    """Remove phrases at the beginning that announce the caption, describe its form or ask the reader to wait."""
    for _ in range(_ROUNDS):
        before = text
        for pattern in (_WAITS, _ANNOUNCED, _ASIDE):
            found = pattern.match(masked(text))
            text = _behind(text, found.end() if found else 0)
        if text == before:
            break
    return text


def _is_heading(head: str, end: str) -> bool:
    if _SHORT.fullmatch(head):
        return True
    opener = _OPENERS.get(end[0])
    if opener is not None and head.lstrip(" \t#>")[:1] != opener:
        return False
    words = _WORD.findall(head.lower())
    if not all(any(known.fullmatch(word) for known in (_TEXT, _DESCRIBED, _EDITED, _BESIDE)) for word in words):
        return False

    def some(known: re.Pattern[str]) -> bool:
        return any(known.fullmatch(word) for word in words)

    return (
        some(_TEXT)
        or {"alt", "text"} <= {*words}
        or ("version" in words and some(_EDITED))
        or (opener is not None and some(_DESCRIBED))
        or _NUMBERED.search(head) is not None
    )


def _behind(text: str, at: int) -> str:
    """`text` from `at` on, with a capital letter, if a caption is left there."""
    rest = text[at:].lstrip(" \t*_")
    if not at or len(rest.split()) < 2 or rest[:1] in "\"“'‘«„(":
        return text
    return rest[:1].upper() + rest[1:]
