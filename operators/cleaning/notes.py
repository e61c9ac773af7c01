"""Sentences and marks that are no caption: notes to the reader, echoes of the prompt, citations."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from operators.cleaning import talk
from operators.cleaning.context import Context
from operators.cleaning.paragraphs import each, filtered, plain
from operators.cleaning.quotes import masked, removed
from operators.language.sentences import split_sentences

_TENS = "(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_NUMBER = (
    r"(?:\d+|(?:(?:one|two|three|four|five|six|seven|eight|nine) hundred|"
    rf"{_TENS}|\w+teen|ten|eleven|twelve)(?:[- ](?:and )?\w+)?)"
)
_COUNT_NOTE = re.compile(
    r"\s*[(\[*_—–-]{1,3}\s*(?:total|(?:word|token|character) ?count|words?|approx(?:imately|\.)?|about"
    r"|around|roughly|exactly|~|≈|length)?[\s:=]*\d+(?:\s*/\s*\d+)?\s*(?:words?|tokens?|characters?"
    r"|sentences?)\s*(?:total|long|in total|exactly)?\s*[)\]*_.]*\s*(?=\Z|\n)"
    r"|\s*[(\[]\s*(?:total|(?:word|token|character)s? ?count|words?)\s*[:=]?\s*\d+\s*[)\]]\.?"
    r"|\s*[(\[]\s*(?:total|approx(?:imately|\.)?|about|around|roughly|exactly|~"
    rf"|≈)?[\s:]*{_NUMBER}\s*words?\s*(?:total|long|in total|,[^()\[\]]{{0,40}})?\s*[)\]]",
    re.IGNORECASE,
)
_BRACKET_NOTE = re.compile(
    r"\s*[(\[{*]\s*(?:please )?(?:note|n\.?b\.?|disclaimer|edit|editor'?s? note|author'?s? note"
    r"|translator'?s? note|aside|caption continues|continued|cont(?:inue)?[.']?d?|to be continued|end(?: "
    r"of (?:the )?(?:description|caption|section|summary|text|part|video description|segment))?|the end"
    r"|please|truncated|omitted|inaudible text|no further|word count|explanation|this (?:description|caption"
    r"|summary|paragraph)|i (?:have|will|would|am|cannot|can't)|the (?:above|provided|original)|based on|this is my"
    r"|my (?:\w+ )?(?:guess|estimate|interpretation)|i (?:think|guess|assume)|assuming"
    r"|insert|your|placeholder|description|caption)\b[^()\[\]{}]*[)\]}*]",
    re.IGNORECASE,
)


# "(Camera: static. Mood: calm.)": fields of a form
_BRACKET_FORM = re.compile(r"\s*[(\[](?:\s*(?-i:[A-Z])[\w ]{1,24}:\s*[^:()\[\]\n]{1,80}){2,}[)\]]")
_POSTSCRIPT = re.compile(r"(?<=[.!?])\s*\bP\.\s?S\.:?\s.*\Z", re.S)


def notes(text: str, context: Context) -> str:
    """Notes to the reader, word counts, talk of the task: as brackets, and as sentences where a caption remains.

    A refusal that begins the answer stays: no caption follows it, and the gate `refusal` sends it back.
    """
    text = removed(_POSTSCRIPT, removed(_BRACKET_NOTE, removed(_BRACKET_FORM, removed(_COUNT_NOTE, text))))
    sentences = split_sentences(text, context.language)
    if sentences and talk.refuses(sentences[0]):
        return text
    if 2 * sum(talk.refuses(s) for s in sentences) >= max(2, len(sentences)):
        return text
    if talk.holds_a_place(text):
        return ""
    kept = [s for s in sentences if not (talk.addresses(s) or talk.refuses(s)) and any(c.isalnum() for c in s)]
    if len(kept) == len(sentences):
        return text
    if not kept:
        return text if any(talk.refuses(s) for s in sentences) else ""
    return " ".join(kept)


def echo(text: str, context: Context) -> str:
    """Sentences that repeat the instructions of the prompt, and such words in front of a colon."""
    known = _grams(context.instructions)
    if not known:
        return text
    labels = _labels(context.instructions)
    text = each(text, context, lambda sentence: _without_label(sentence, labels))
    short = frozenset(plain(sentence) for sentence in split_sentences(context.instructions, context.language))
    return filtered(
        text, context, lambda sentence: plain(sentence) in short or _echoes(sentence, known), may_empty=True
    )


_GRAM = 4
_LABEL_WORDS = 4
_LABEL_LIKENESS = 0.75  # of words in sequence; models inflect one of them
_BEFORE_COLON = re.compile(r"([^.!?:]+):(?=\s|\Z)")


def _grams(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return frozenset(tuple(words[k : k + _GRAM]) for k in range(len(words) - _GRAM + 1))


def _labels(instructions: str) -> frozenset[tuple[str, ...]]:
    """The words of each clause in front of a colon, such as "The description so far ends so:"."""
    clauses = (clause for found in _BEFORE_COLON.findall(instructions) for clause in re.split("[;()]", found))
    words = (tuple(re.findall(r"\w+", clause.lower())) for clause in clauses)
    return frozenset(some for some in words if len(some) >= _LABEL_WORDS)


def _without_label(sentence: str, labels: frozenset[tuple[str, ...]]) -> str:
    """A sentence without a label of the prompt in front of it."""
    head, colon, rest = sentence.partition(": ")
    words = tuple(re.findall(r"\w+", head.lower()))
    if not colon or not rest.strip() or len(words) < _LABEL_WORDS:
        return sentence
    if not any(SequenceMatcher(None, words, label, autojunk=False).ratio() >= _LABEL_LIKENESS for label in labels):
        return sentence
    rest = rest.lstrip()
    return rest[:1].upper() + rest[1:]


def _echoes(sentence: str, known: frozenset[tuple[str, ...]]) -> bool:
    words = re.findall(r"\w+", sentence.lower())
    if len(words) < _GRAM:
        return False
    grams = [tuple(words[k : k + _GRAM]) for k in range(len(words) - _GRAM + 1)]
    return sum(gram in known for gram in grams) >= max(1, 0.5 * len(grams))


# -- citations ---------------------------------------------------------------------------------------------------------

_FOREIGN_MARK = re.compile(
    r"\s*【[^】\n]{0,80}】|\s*\[\^[^\]\n]{1,20}\]:?|\s*\[\d+(?:†|:\d+†)[^\]\n]{0,60}\]|\s*[†‡](?=\W|\Z)"
    r"|\s*\^\[?\d+\]?\^?(?=\W|\Z)"
    r"|\s*[(\[](?:(?:see|cf\.?|from|source|sources|ref|refs|reference|references|citation|cited|according "
    r"to|as in|as seen in|based on|via)\b[:\s]*)(?:(?:the )?(?:captions?|windows?|frames?|sections?|notes?"
    r"|images?|segments?|sources?|video|descriptions?|figures?|fig\.?|https?:\S+|www\.\S+"
    r"|\d+)[\s\d,;:–—&#-]*(?:and \d+)?)+[)\]]"
    r"|\s*[(\[](?:captions?|caps?\.?|windows?|win\.?|frames?|sections?|sec\.?|notes?|images?|img\.?|segments?|seg\.?"
    r"|sources?|src\.?|clips?"
    r"|cit(?:ation)?s?|refs?|references?|docs?|documents?|items?|events?|lines?|stretch(?:es)?|w|f|c"
    r"|#)[\s.#:]*\d+(?:\s*(?:[,;&–—-]|and|to)\s*(?:frames?|windows?|captions?|notes?|w|f|c|#)?\s*\d+)*[)\]]"
    r"|\s*<\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*>"
    r"|\s*[［〔⟦〖❲]\s*\d{1,4}(?:\s*[-–,;、]\s*\d{1,4})*\s*[］〕⟧〗❳]"
    r"|\s*\\(?:cite|ref|footnote)[pt]?\{[^{}\n]{0,60}\}|\s*[(\[][\w./-]{1,60}\.(?:jpe?g|png|webp|gif|mp4|mkv|webm"
    r"|mov)[)\]]|\s*\{[a-z]{0,10}[ _.#-]?\d{1,4}(?:\s*[-–,;&]\s*[a-z]{0,10}\d{1,4})*\}|(?<=\w[.!?,])\s*\|\d{1,3}\|"
    r"|(?<=\w)\s*\|\d{1,3}\|(?=[.,;]|\Z)"
    r"|\s*[(\[](?:citation needed|source needed|sic|source|sources?:[^)\]\n]{0,80}|who\?|when\?"
    r"|clarification needed)[)\]]|\s*<(?:cite|ref|citation)[^<>]*>(?:[^<>]*</(?:cite|ref|citation)>)?",
    re.IGNORECASE,
)
_MARK = re.compile(r"\s*\[\d{1,4}(?:\s*(?:[-–,;]|,?\s*(?:and|&|to))\s*\d{1,4})*\](?!\()")
_LETTER = re.compile(r"(?:(?<=[.!?,;])|(?<=\w))\s*\[[a-zA-Z]\](?=\s|[.,;!?]|\Z)")
_GUILLEMETS = re.compile(r"(?<=[.!?])\s*[«‹]\s*\d{1,3}(?:\s*[-–,]\s*\d{1,3})*\s*[»›]")
_COUNTED = re.compile(
    r"(?<=[.!?])\s*\(\d{1,3}(?:\s*[,;&–-]\s*\d{1,3})*\)(?=\s|\Z)|(?<=[.!?])\s*#\d{1,3}(?=\s|\Z)"
    r"|\s*[⟨‹<]\s*\d{1,4}(?:\s*[-–,]\s*\d{1,4})*\s*[⟩›>](?=\s|[.,;]|\Z)"
)
_TIMED = re.compile(r"\[\s*(\d{1,4})\s*[:,;]\s*\d{1,3}:\d\d[^\[\]]{0,24}\]")
_DOUBLE = re.compile(r"\[\[\s*(\d{1,4}(?:\s*[-–,]\s*\d{1,4})*)\s*\]\]")
_SAID_BY = re.compile(
    r"(?:\A|(?<=[.!?] ))(?:(?:according to|as (?:stated|shown|described|mentioned|noted|seen) (?:in|by)|per|in|from"
    r"|based on)"
    r" (?:captions? |windows? )?\[\d{1,4}\](?: and \[\d{1,4}\])?,?\s+|(?:as )?(?:captions? "
    r"|windows? )?\[\d{1,4}\] (?:states|says"
    r"|shows|describes|mentions|notes|tells|indicates)(?: that)?,?\s+)(\w)",
    re.IGNORECASE,
)
# a number in round brackets is a citation at the end of a sentence, or of a clause where there are more of them; behind
# a name it is an age or a number on a back: "Jordan (23), a plumber"
_ROUND_END = re.compile(r"(?<=[a-z\"”’])\s+\(\d{1,3}(?:\s*[,;&–-]\s*\d{1,3})*\)(?=[.!?]|\s*\Z)")
_ROUND = re.compile(r"(?<=[a-z\"”’])\s+\(\d{1,3}(?:\s*[,;&–-]\s*\d{1,3})*\)(?=[.,;]|\s*\Z)")
_NAME_BEFORE = re.compile(r"(?<![.!?] )(?<!\A)\b[A-Z][\w’'-]*\Z")


def _round(text: str) -> str:
    pattern = _ROUND if len(_ROUND_END.findall(text)) > 1 else _ROUND_END
    found = [one for one in pattern.finditer(masked(text)) if not _NAME_BEFORE.search(text[: one.start()])]
    for one in reversed(found):
        text = text[: one.start()] + text[one.end() :]
    return text


_SUPERSCRIPT = re.compile(r'(?:(?<=[.!?,;:”"’)])|\s+(?=⁽))[⁽¹²³⁰⁴-⁹⁾]+|\s*[①-⑳❶-❿]+(?=[.,;!?]|\Z)')


def citations(text: str, context: Context) -> str:
    """Citations in notations that nobody asked for; `[3]` stays where the prompt asks for it."""
    text = _SAID_BY.sub(
        lambda found: found[1].upper(), _TIMED.sub(r"[\1]", _DOUBLE.sub(r"[\1]", _GUILLEMETS.sub("", text)))
    )
    text = _round(removed(_COUNTED, removed(_LETTER, removed(_SUPERSCRIPT, removed(_FOREIGN_MARK, text)))))
    return text if context.cites else removed(_MARK, text)
