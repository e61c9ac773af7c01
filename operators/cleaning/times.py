"""Points in time of the video that a text names; times of day, scores, timers and amounts are none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from operators.cleaning.quotes import masked

_SMALL = (
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    ("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {word: number for number, word in enumerate((*_SMALL[0], *_SMALL[1]))} | {
    word: 10 * number for number, word in enumerate(_TENS, 2)
}
_N = rf"(?:\d+(?:[.,]\d+)?|(?:{'|'.join(_WORDS)})(?:[- ](?:{'|'.join(_WORDS)}))?(?: and a half)?)"
_H, _M, _S = r"(?:hours?|hrs?|h)", r"(?:minutes?|mins?|m)", r"(?:seconds?|secs?|s)"
_CLOCK = re.compile(r"(?<![\d:.,/$€£#-])(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)(?:[.,](\d{1,3}))?(?!\d|:\d|[.,]\d)")
_AMOUNT = re.compile(
    rf"(?<![\w.,:])(?:({_N})[ -]?{_H}(?![a-z])[, ]*(?:and )?)?(?:({_N})[ -]?{_M}(?![a-z])[, ]*(?:and "
    rf")?)?({_N})[ -]?{_S}\b"
    rf"|(?<![\w.,:])(?:({_N})[ -]?{_H}(?![a-z])[, ]*(?:and )?)?({_N})[ -]?{_M}\b"
    rf"|(?<![\w.,:])(\d{{1,3}})['′](\d{{1,2}})[\"″]",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"\b(?:(minutes?|min|seconds?|sec|second mark|timestamps?|time ?codes?|t)\s*(?:[:=#]\s*|\+)?|(frame at"
    r"|time)\s*[:=]?\s*)(\d+(?:\.\d+)?)(?!\w|:\d|[.,]\d| ?%)",
    re.IGNORECASE,
)
_FIRST = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh"),
    *("twelfth", *(f"{one}teenth" for one in ("thir", "four", "fif", "six", "seven", "eigh", "nine")), "twentieth"),
)
_NTH = re.compile(
    r"\b(?:(\d{1,4})(?:st|nd|rd|th)|((?:twen|thir|for|fif)ty-)?(first|second|third|fourth|fifth|sixth|seventh|eighth"
    r"|ninth|tenth|eleventh"
    r"|twelfth|\w{3,6}teenth|twentieth|thirtieth|fortieth|fiftieth))[- ](second|minute|hour)(?: mark)? (?:of|in"
    r"|into) the"
    r" (?:video|clip|footage|recording|film)\b",
    re.IGNORECASE,
)
_ORDINALS = {
    **{word: number for number, word in enumerate(_FIRST, 1)},
    "thirtieth": 30, "fortieth": 40, "fiftieth": 50,
}  # fmt: skip
_SPAN_END = re.compile(
    rf"\A\s*(?:s|sec|seconds)?\s*(?:-|–|—|to|until|and|through|→|-->)\s*(\d+(?:\.\d+)?)\s*{_S}\b", re.IGNORECASE
)

# -- how a time of the video is introduced -----------------------------------------------------------------------------

_BEHIND_VIDEO = re.compile(
    r"\A\s*(?:[-–—]\s*|to\s+[\d:.,]+\s*)?(?:[- ]?(?:second|minute|sec|min|s)s?)?[- ]?(?:marks?\b"
    r"|timestamps?\b|point in the (?:video|clip)|(?:in)?to the (?:video|clip|footage|recording|segment)"
    r"|(?:in|of) the (?:video|clip|footage|recording|segment)|of (?:the )?(?:footage|video)|in(?=\s*[,.;:]|\s*\Z))",
    re.IGNORECASE,
)
_POINT = re.compile(
    r"(?:\b(?:at|from|until|till|between|around|about|by|before|after|to|through|past|beyond|since"
    r"|starting at|and)(?: (?:the|about|around|exactly|approximately|roughly|time|minute|second))*|[-–—→@]"
    r"|-->|\b(?:timestamps?|time ?codes?)\s*[:=]?)\s*\Z",
    re.IGNORECASE,
)
_EXACT_POINT = re.compile(
    r"(?:\b(?:at|from|between|until|till|timestamp|time)(?: (?:the|about|around|exactly|approximately"
    r"|roughly|time|timestamp|t\s*=))*|[(\[@]|\A\W*)\s*\Z",
    re.IGNORECASE,
)
_BRACKET = re.compile(
    r"[(\[【<]\s*(?:at |from |around |t\s*=\s*|time:? |timestamp:? |~)?(?:[\d:.,]+\s*(?:-|–|—|to|→|-->)\s*)?\Z",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    r"\A\W*(?:(?:at|from|between|around|by|until|after|before)\s+)?(?:[\d:.,]+\s*(?:-|–|—|to|and|→|-->)\s*)?\Z",
    re.IGNORECASE,
)

# -- what makes it something else --------------------------------------------------------------------------------------

_DAY_BEHIND = re.compile(
    r"\A\s*(?:[ap]\.?\s?m\b|o'?clock|uhr\b|hrs?\b|hours\b|h\b|in the (?:morning|afternoon|evening|night)"
    r"|at night|noon|local time|(?-i:[A-Z]{3,4})\b|gmt|utc|est|pst|(?:-|–|to|and"
    r"|until)\s*\d{1,2}(?::\d\d)?\s*(?:[ap]\.?m|o'?clock|uhr))",
    re.IGNORECASE,
)
_DAY = re.compile(
    r"\b(?:o'?clock|[ap]\.m\.|am\b|pm\b|noon|midnight|mornings?|afternoons?|evenings?|nights?|tonight|today"
    r"|tomorrow|yesterday|daily|every day|weekdays?|weekends?"
    r"|mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?|january|february|march \d"
    r"|april|june|july|august|september|october|november|december"
    r"|dawn|dusk|sunrise|sunset|breakfast|lunch(?:time)?|dinner(?:time)?|supper|brunch|bedtime|wak(?:es?"
    r"|ing)|woke|asleep|goes to bed|gets up"
    r"|meetings?|appointments?|class(?:es)?|lessons?|lectures?|schools?|shops?|stores?|offices?|banks?"
    r"|museums?|caf[eé]s?|restaurants?|library|trains?|bus(?:es)?|flights?|planes?"
    r"|ferry|ferries|depart(?:s|ed|ure|ures)?|arriv(?:es|ed|al|als|ing)|shifts?|work day|ceremony|concerts?"
    r"|kick-?off|service|church|mass|party|reception|check-?in|check-?out|deadline"
    r"|schedul\w*|timetables?|calendars?|appointment|opening hours|business hours|hours|(?:is|are|stays?"
    r"|remains?) (?:(?:open|closed)[^.]{0,12} (?:from|until|till|at|on|between)|until|till|daily)\b|open (?:until"
    r"|till|daily)|it (?:opens|closes)"
    r"|curfew|rush hour|broadcast|news(?:cast)?|premier\w*|airs|alarm|prayers?|workshops?|conference"
    r"|session)\b",
    re.IGNORECASE,
)
_SHOWN = re.compile(
    r"\b(?:clocks?|watch(?:es)?|timers?|stopwatch|countdowns?|counter|scoreboards?|scores?|scored|tied"
    r"|leads?|wins?|won|beat(?:s|en)?|lost|display(?:s|ed|ing)?|digits|reads?|reading|says?|saying|set "
    r"(?:to|for)|labell?ed|printed|written"
    r"|shows? (?:the time|the score|a time)|time (?:is|of|reads|shown|displayed)|ratio|aspect|verse|chapter"
    r"|psalms?|john|luke|matthew|genesis|pace|record|lap|split|finish(?:es|ed|ing)? (?:in|with)|personal "
    r"best|per (?:mile|kilomet\w+|km)|odds|scale|mixture|parts|resolution)\b",
    re.IGNORECASE,
)
_LASTS = re.compile(
    r"\b(?:for|lasts?|lasting|takes?|taking|within|in (?:under|just|about|only)?|every|another|over|up to"
    r"|at least|less than|more than|nearly|almost|only|just|about|of|a|an|the next|the last|the first"
    r"|additional|extra|remaining|waits?|cooks?|bakes?|boils?|simmers?|rests?|heats?|microwaves?|holds?"
    r"|than|by|per)\s*\Z",
    re.IGNORECASE,
)
_COOKING = re.compile(
    r"\b(?:bak\w+|cook\w*|boil\w*|simmer\w*|fry|fries|fried|frying|roast\w*|oven|microwav\w*|heat\w*"
    r"|rest\w*|cool\w*|chill\w*|marinat\w*|soak\w*|steam\w*|grill\w*|wait\w*|hold\w*|plank|left to|leav\w+ "
    r"(?:it|them)|recipe|dough|batter|sauce|timer|workout|exercise|rest period|reps?|sets?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Named:
    """A point in time of the video: `at_s` in s, and where in the text it stands."""

    at_s: float
    start: int
    end: int


def points_in(sentence: str) -> list[Named]:
    """The points in time of the video that a sentence names, in order; nothing that stands in quotes counts."""
    text = masked(sentence).replace("’", "'")
    found = [*_clocks(text), *_amounts(text), *_labelled(text), *_nth(text)]
    return sorted(found, key=lambda one: one.start)


def _clocks(text: str) -> list[Named]:
    named = []
    for found in _CLOCK.finditer(text):
        before, behind = text[: found.start()], text[found.end() :]
        hours, minutes, seconds = (int(part or 0) for part in found.group(1, 2, 3))
        fraction = float(f"0.{found.group(4)}") if found.group(4) else 0.0
        if _DAY_BEHIND.match(behind) or re.search(r"\b(?:in|of)\s*\Z", before, re.IGNORECASE):
            continue
        exact = found.group(1) is not None or found.group(4) is not None or _BEHIND_VIDEO.match(behind) is not None
        marked = (exact and not _SHOWN.search(text)) or _BRACKET.search(before) is not None
        placed = _POINT.search(before) is not None or _BEGINS.match(before) is not None
        if not (marked or placed) or (not marked and _SHOWN.search(before[-48:])):
            continue
        if _SHOWN.search(text) and not (
            _BEGINS.match(before) or _BRACKET.search(before) or _BEHIND_VIDEO.match(behind)
        ):
            continue
        of_day = found.group(1) is None and minutes <= 24
        if of_day and not _BEHIND_VIDEO.match(behind) and _DAY.search(text):
            continue
        named.append(Named(hours * 3600 + minutes * 60 + seconds + fraction, found.start(), found.end()))
    return named


def _amounts(text: str) -> list[Named]:
    named = []
    for found in _AMOUNT.finditer(text):
        before, behind = text[: found.start()], text[found.end() :]
        into = _BEHIND_VIDEO.match(behind) is not None
        point = _EXACT_POINT.search(before) is not None or _span_begins(before)
        if not into and (not point or _LASTS.search(before) or _later(behind)):
            continue
        h1, m1, s1, h2, m2, m3, s3 = found.groups()
        minutes_alone = s1 is None and s3 is None and not into
        if minutes_alone and not re.search(r"\bat (?:about |around |the )?\Z", before, re.IGNORECASE):
            continue  # "from 5 minutes to 10 minutes" are amounts
        if not into and _COOKING.search(text):
            continue
        total = sum(_number(part) * unit for part, unit in ((h1 or h2, 3600), (m1 or m2 or m3, 60), (s1 or s3, 1)))
        named.append(Named(total, found.start(), found.end()))
    return named


def _later(behind: str) -> bool:
    return (
        re.match(
            r"\s*(?:later|earlier|ago|long|old|left|remaining|of (?!the (?:video|clip))\w|apart|each|per|break"
            r"|timer|rest|video|clip|countdown|delay|interval)\b",
            behind,
            re.IGNORECASE,
        )
        is not None
    )


def _span_begins(before: str) -> bool:
    """Whether an amount ends a span: "from 3 s to", "3.0 s –"."""
    return (
        re.search(
            rf"(?:\bfrom|\bbetween|[(\[]|\A\W*)\s*{_N}\s*{_S}?\s*(?:-|–|—|to|until|and|through|→|-->)\s*\Z",
            before,
            re.IGNORECASE,
        )
        is not None
    )


def _labelled(text: str) -> list[Named]:
    named = []
    for found in _LABELLED.finditer(text):
        unit, at = (found.group(1) or found.group(2)).lower(), float(found.group(3))
        before = text[: found.start()]
        stamp = unit.startswith(("time", "t", "frame")) or "=" in found.group(0)
        # "minute 3", "second 12": only where something points there; "second 2 chairs" and "min 5" are amounts
        if not stamp and not re.search(
            r"\b(?:at|from|around|by|until|in|during|to|of|near|before|after)\s+(?:the )?\Z|\A\W*\Z|[(\[]\Z",
            before,
            re.IGNORECASE,
        ):
            continue
        if unit == "time" and not re.search(r"[:=]", found.group(0)):
            continue
        named.append(Named(at * (60 if unit.startswith("min") else 1), found.start(), found.end()))
    return named


def _nth(text: str) -> list[Named]:
    """ "In the 13th minute of the video": the end of the minute before."""
    named = []
    for found in _NTH.finditer(text):
        digits, tens, word, unit = found.groups()
        count = (
            int(digits) if digits else _WORDS.get((tens or "").lower().rstrip("-"), 0) + _ORDINALS.get(word.lower(), 0)
        )
        seconds = {"second": 1, "minute": 60, "hour": 3600}[unit.lower()]
        named.append(Named(float((count - 1) * seconds), found.start(), found.end()))
    return named


def _number(text: str | None) -> float:
    if not text:
        return 0.0
    half = 0.5 * text.lower().endswith(" and a half")
    if text[0].isdigit():
        return float(text.split()[0].replace(",", ".")) + half
    return float(sum(_WORDS.get(word, 0) for word in re.split(r"[- ]", text.lower()))) + half
