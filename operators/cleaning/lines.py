"""The layout of an answer: markdown, headings, lists and labels become one plain paragraph."""

from __future__ import annotations

import re

from operators.cleaning.context import Context
from operators.cleaning.quotes import masked, removed

_KINDS = (
    r"(?:captions?|descriptions?|summary|summaries|paragraph|answers?|responses?|outputs?|narration"
    r"|narrative|opening|introduction"
    r"|overview|synopsis|transcript|transcription|rewrite|rewritten|story|text|result|content|observations?"
    r"|details?|scene|window|section"
    r"|segment|frames?|images?|pictures?|video|clip|part|chapter|stretch|shot|conclusion|continuation|version"
    r"|settings?|actions?|moods?|subjects?|objects?|characters?|lighting|background|foreground|atmosphere"
    r"|environment|location|appearance|movements?|camera(?: work| movement)?|clothing|attempt"
    r"|translation|event|time ?line|shot type|style|subtitle"
    r"|what (?:happens|is happening|can be seen|is seen|is shown)(?: in (?:this|the) \w+)?"
    r"|beschreibung|bildunterschrift|zusammenfassung|légende|résumé|descripción|leyenda|resumen|descrição"
    r"|legenda|descrizione|didascalia"
    r"|english|german|french|spanish|italian|portuguese|chinese|japanese|(?-i:EN|DE|FR|ES|ZH)"
    r"|描述|说明|字幕|标题|摘要|説明|キャプション|설명|캡션|описание|подпись)"
)
_AMBIGUOUS = (
    r"(?:scene|shot|part|video|clip|image|picture|text|story|details?|frame|window|section|segment|stretch"
    r"|chapter|action|mood)"
)
_QUALIFIERS = (
    r"(?:(?:the|a|an|my|here is the|final|full|long|short|brief|detailed|revised|updated|new|video|image"
    r"|frame|clip|window|section"
    r"|segment|scene|opening|visual|dense|objective|factual|plain|narrative|complete|continued|combined"
    r"|english|rewritten|possible|suggested|proposed|sample|example|generated|best|one|main)\s+)"
)
_NUMBERED = (
    r"(?:\s*(?:#|no\.?|number)?\s*\d{1,4}(?:\s*(?:/|of|[-–—])\s*\d{1,4})?|\s+(?:one|two|three|four|five|six|seven"
    r"|eight|nine"
    r"|ten|(?-i:[IVX]{1,5}))(?=\W))"
)
_BRACKETED = r"(?:\s*[(\[][^()\[\]\n]{1,60}[)\]])"
_SPAN = (
    r"(?:\s*(?:from|at|for|of|between)?\s*[\d:.,]+\s*(?:s|sec|seconds)?(?:\s*(?:-|–|—|to"
    r"|and)\s*[\d:.,]+\s*(?:s|sec|seconds)?)?)"
)
_LABEL = re.compile(
    rf"^[^\w\n\"“'(\[]{{0,6}}(?!(?:the|an?"
    rf"|my)\s+{_AMBIGUOUS}\s*:){_QUALIFIERS}{{0,4}}{_KINDS}{_NUMBERED}?(?:{_BRACKETED}"
    rf"|{_SPAN})?(?:\s+(?:description|caption|summary|text))?"
    rf"{_BRACKETED}?\s*[*_]{{0,3}}\s*(?:[:：]|[–—](?=\s)|-(?=\s)(?<=\d -))\s*[*_]{{0,3}}[ \t]*",
    re.I | re.M,
)
_TIME_HEAD = re.compile(
    r"\A[ \t]*[\[(]?(?:stretch |from )?(?:\d+(?:\.\d+)? ?s(?:ec(?:onds)?)?|\d+\.\d+)\s*(?:-|–|—"
    r"|to)\s*\d+(?:\.\d+)? ?s(?:ec(?:onds)?)?"
    r"(?:[\])]:?|:|(?=\n))[ \t]*|\A[ \t]*[\[(]?\d{1,3}:\d\d(?:\.\d+)?\s*(?:-|–|—|to"
    r"|-->)\s*\d{1,3}:\d\d(?:\.\d+)?[\])]?:?[ \t]*\n",
    re.I,
)
_BRACKET_LABEL = re.compile(
    rf"\A\s*[\[(]{_QUALIFIERS}{{0,4}}(?:\w+ )?{_KINDS}{_NUMBERED}?[\])][ \t]*:?[ \t]*(?=\S)", re.I
)
_DASH_LABEL = re.compile(
    rf"\A[^\w\n]{{0,6}}{_QUALIFIERS}{{0,4}}(?:\w+ )?(?:captions?|descriptions?|summary|paragraph|answer|response"
    rf"|narration|overview"
    rf"|synopsis)[ ]+[-–—][ ]+(?=[A-Z])",
    re.I,
)
_LONE_LABEL = re.compile(rf"\A[^\w\n]{{0,6}}{_QUALIFIERS}{{0,4}}{_KINDS}[*_.]{{0,3}}[ \t]*\n", re.I)
_NUMBERED_LINE = re.compile(
    rf"^[^\w\n]{{0,6}}{_KINDS}{_NUMBERED}(?:{_BRACKETED}|{_SPAN})?[*_.]{{0,3}}[ \t]*\n", re.I | re.M
)
# a first line that is a title: in quotes, or nearly all of its words capitalised
_TITLE_LINE = re.compile(
    r"\A\s*(?:[\"“*_]{1,3}([^\"”\n.!?]{3,80})[\"”*_]{1,3}|((?:[A-Z][\w'’-]*|of|the|a|an|in|on|at|and|to|for|with|by|&"
    r"|\d+"
    r"|[:,–—-])(?:[ ]+(?:[A-Z][\w'’-]*|of|the|a|an|in|on|at|and|to|for|with|by|&|\d+"
    r"|[:,–—-])){1,10}))[ \t]*\n\s*\n(?=\s*[\w\"“])"
)
_SIGN = "[\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\u25a0-\u25ff\U0001f300-\U0001faff\ufe0f\u20e3\u200d]"
_SIGNS = re.compile(
    rf"^[ \t]*(?:{_SIGN}+[ \t]*)+(?=\S)|(?:(?<=[.!?])|(?<=[.!?][\"”)]))[ \t]*(?:{_SIGN}+[ \t]*)+(?=\s|\Z|[A-Z])", re.M
)
_SEPARATED = re.compile(r"(?<=[.!?])[ \t]*(?://|\|{1,2}|•|·|—|–|>>|→)[ \t]*(?=[A-Z])")
_ENUMERATED = re.compile(r"(?:\A|(?<=[.!?:;] )|(?<=[.!?:;]\n))[ \t]*(?:\((\d{1,2})\)|(\d{1,2})[.)])[ \t]+(?=[A-Z])")
_LINE_HEAD = re.compile(
    r"^[^\w\n\"“'(\[]{0,6}[A-Z][\w-]*(?: [\w-]+){0,2}[ ]?(?:[:：]|→)[*_]{0,3}[ \t]+(?=[A-Z][\w’']* )", re.M
)
_TITLE = re.compile(
    r"^[^\w\n]{0,6}(?:title|heading|titel|titre|título|标题)\s*[*_]{0,3}\s*[:：].*(?:\n|\Z)", re.I | re.M
)
_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$", re.M)
_SIGNED_HEADING = re.compile(r"^[ \t]*={2,}[ \t]*([^=\n]+?)[ \t]*={2,}[ \t]*$", re.M)
_RULER = re.compile(r"^[ \t]*(?:[-=_*~•]{3,}|(?:[-*_][ \t]+){3,})[ \t]*$", re.M)
_TABLE_RULE = re.compile(r"^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+(?:[ \t]*:?-{2,}:?)?[ \t]*$", re.M)
_TABLE_ROW = re.compile(r"^[ \t]*\|(.*)\|[ \t]*$", re.M)
_QUOTE_LINE = re.compile(r"^[ \t]*(?:>[ \t]?)+(?=\S)", re.M)
_BULLET = re.compile(r"^[ \t]*(?:[-*+•‣◦▪●–—·]|\(?\d{1,2}[.)]|\(?(?:[a-z]|[ivx]{1,4})[.)])[ \t]+(?=\S)", re.M)
_IMAGE = re.compile(r"!\[([^\]\n]*)\]\([^)\s]*\)")
_LINK = re.compile(r"\[([^\]\n]+)\]\((?:https?:|www\.|/|#|mailto:)[^)\s]*\)")
_STRONG = re.compile(
    r"(?<![\w*])\*{2,3}(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*{2,3}(?![\w*])"
    r"|(?<![\w_])_{2,3}(?=[^\s_])([^_\n]+?)(?<=[^\s_])_{2,3}(?![\w_])"
)
_KIND = rf"{_QUALIFIERS}{{0,4}}{_KINDS}{_NUMBERED}?"
# in front of a capital, so that an emphasised word of a sentence stays
_STRONG_LABEL = re.compile(
    rf"\A[ \t]*(?:([*_]{{3}}){_KIND}\1[ \t]+(?=\w+[ ]\w)|([*_]{{2}}){_KIND}\2[ \t]+(?=(?-i:[A-Z])\w*[ ]\w))", re.I
)
_EMPHASIS = re.compile(
    r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?![\w*])|(?<![\w_])_(?=[^\s_])([^_\n]+?)(?<=[^\s_])_(?![\w_])"
)
_STRIKE = re.compile(r"~~([^~\n]+)~~")
_LOOSE = re.compile(r"(?:^|(?<=\s))\*{2,3}(?=\s|\w|$)|(?<=[\w.!?:])\*{2,3}(?=\s|$)")
_BOLD_LINE = re.compile(r"^[ \t]*(?:\*\*|__)([^*_\n]{1,80}?)(?:\*\*|__)[ \t]*:?[ \t]*$", re.M)
_ENDED = re.compile(r"[.!?…。！？।؟۔:;,][\"'”’»」)\]]*\Z")
_HEADING_WORDS = 12


def markdown(text: str, context: Context) -> str:  # noqa: ARG001
    """Headings, emphasis, lists, quotes, tables, links and rulers of markdown; none of it inside quotes."""
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    text = _TABLE_ROW.sub(lambda found: _cells(found.group(1)), _TABLE_RULE.sub("", text))
    text = _QUOTE_LINE.sub("", _RULER.sub("", text))
    text = _headings(_headings(text, _HEADING), _SIGNED_HEADING)
    text = _STRONG_LABEL.sub("", _headings(text, _BOLD_LINE))
    for pattern in (_STRONG, _EMPHASIS, _STRIKE):
        text = _unwrapped(pattern, text)
    return _lists(removed(_LOOSE, text))


def _cells(row: str) -> str:
    return " ".join(cell.strip() for cell in row.split("|") if cell.strip())


def _headings(text: str, pattern: re.Pattern[str]) -> str:
    """Without headings; one that is all there is, or a whole sentence, is text."""
    rest = pattern.sub("", text).strip()

    def line(found: re.Match[str]) -> str:
        heading = found.group(1).strip()
        short = len(heading.split()) <= _HEADING_WORDS and not re.search(r"[.!?]\Z", heading)
        return "" if short and rest else heading

    return pattern.sub(line, text)


def _unwrapped(pattern: re.Pattern[str], text: str) -> str:
    parts, at = [], 0
    for found in pattern.finditer(masked(text)):
        group = next(k for k, part in enumerate(found.groups(), 1) if part is not None)
        parts += [text[at : found.start()], text[slice(*found.span(group))]]
        at = found.end()
    return "".join([*parts, text[at:]])


def _lists(text: str) -> str:
    """Items of a list as sentences; a line that only looks like an item stays."""
    lines = text.split("\n")
    items = [k for k, line in enumerate(lines) if _BULLET.match(line)]
    if len(items) < 2 and not (items and lines[items[0]].lstrip()[0] in "-*+•‣◦▪●"):
        return text
    for k in items:
        item = _BULLET.sub("", lines[k]).strip()
        lines[k] = item if _ENDED.search(item) else item + "."
    return "\n".join(lines)


def line_heads(text: str, context: Context) -> str:  # noqa: ARG001
    """Words up to a colon or an arrow in front of several lines: a form that nobody asked for."""
    return _LINE_HEAD.sub("", text) if len(_LINE_HEAD.findall(text)) > 1 else text


def signs(text: str, context: Context) -> str:  # noqa: ARG001
    """Emoji, arrows and ticks before and behind sentences, what separates sentences, and numbers that count them."""
    text = removed(_SEPARATED, removed(_SIGNS, text, " "), " ")
    found = list(_ENUMERATED.finditer(masked(text)))
    counted = [int(one[1] or one[2]) for one in found]
    if len(counted) < 2 or found[0].start() or counted != list(range(counted[0], counted[0] + len(counted))):
        return text
    return removed(_ENUMERATED, text)


def labels(text: str, context: Context) -> str:  # noqa: ARG001
    """`Caption:`, `Window 3:`, `Title: …` and their like at the beginning of a line; the prompt's time before all."""
    bare = _TIME_HEAD.sub("", text)
    text = bare if bare.strip() else text
    bare = _DASH_LABEL.sub("", _BRACKET_LABEL.sub("", _LONE_LABEL.sub("", text)))
    bare = _NUMBERED_LINE.sub("", _TITLE_LINE.sub("", bare))
    text = bare if bare.strip() else text
    bare = _TITLE.sub("", text)
    text = bare if bare.strip() else text
    bare = _LABEL.sub("", text)
    return bare if bare.strip() else ""


def paragraph(text: str) -> str:
    """The text as one paragraph: lines joined, single spaces."""
    return " ".join(text.split())
