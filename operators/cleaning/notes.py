"""Sentences and marks that are no caption: notes to the reader, echoes of the prompt, citations."""

from __future__ import annotations

import re

from operators.cleaning import talk
from operators.cleaning.context import Context
from operators.cleaning.paragraphs import filtered, plain
from operators.cleaning.quotes import removed
from operators.language.sentences import split_sentences

_COUNT_NOTE = re.compile(
    r"\s*[(\[*_—–-]{1,3}\s*(?:total|(?:word|token|character) ?count|words?|approx(?:imately|\.)?|about"
    r"|around|roughly|exactly|~|≈|length)?[\s:=]*\d+(?:\s*/\s*\d+)?\s*(?:words?|tokens?|characters?"
    r"|sentences?)\s*(?:total|long|in total|exactly)?\s*[)\]*_.]*\s*(?=\Z|\n)"
    r"|\s*[(\[]\s*(?:total|(?:word|token|character)s? ?count|words?)\s*[:=]?\s*\d+\s*[)\]]\.?"
    r"|\s*[(\[]\s*(?:total|approx(?:imately|\.)?|about|around|roughly|exactly|~"
    r"|≈)?[\s:]*\d+\s*words?\s*(?:total|long|in total)?\s*[)\]]",
    re.IGNORECASE,
)
_BRACKET_NOTE = re.compile(
    r"\s*[(\[{*]\s*(?:please )?(?:note|n\.?b\.?|disclaimer|edit|editor'?s? note|author'?s? note"
    r"|translator'?s? note|aside|caption continues|continued|cont(?:inue)?[.']?d?|to be continued|end(?: "
    r"of (?:the )?(?:description|caption|section|summary|text|part|video description|segment))?|the end"
    r"|truncated|omitted|inaudible text|no further|word count|explanation|this (?:description|caption"
    r"|summary|paragraph)|i (?:have|will|would|am|cannot|can't)|the (?:above|provided|original)|based on"
    r"|insert|your|placeholder|description|caption)\b[^()\[\]{}]*[)\]}*]",
    re.IGNORECASE,
)


def notes(text: str, context: Context) -> str:
    """Notes to the reader, word counts, talk of the task: as brackets, and as sentences where a caption remains.

    A refusal that begins the answer stays: no caption follows it, and the gate `refusal` sends it back.
    """
    text = removed(_BRACKET_NOTE, removed(_COUNT_NOTE, text))
    sentences = split_sentences(text, context.language)
    if sentences and talk.refuses(sentences[0]):
        return text
    if 2 * sum(talk.refuses(s) for s in sentences) >= max(2, len(sentences)):
        return text
    kept = [s for s in sentences if not (talk.addresses(s) or talk.refuses(s) or talk.holds_a_place(s))]
    if len(kept) == len(sentences):
        return text
    if not kept:
        return text if any(talk.refuses(s) for s in sentences) else ""
    return " ".join(kept)


def echo(text: str, context: Context) -> str:
    """Sentences that repeat the instructions of the prompt."""
    known = _grams(context.instructions)
    if not known:
        return text
    short = frozenset(plain(sentence) for sentence in split_sentences(context.instructions, context.language))
    return filtered(
        text, context, lambda sentence: plain(sentence) in short or _echoes(sentence, known), may_empty=True
    )


_GRAM = 4


def _grams(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return frozenset(tuple(words[k : k + _GRAM]) for k in range(len(words) - _GRAM + 1))


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
    r"|\d+)[\s\d,;:–—&-]*(?:and \d+)?)+[)\]]"
    r"|\s*[(\[](?:captions?|windows?|frames?|sections?|notes?|images?|segments?|sources?|clips?"
    r"|cit(?:ation)?s?|refs?|references?|docs?|documents?|items?|events?|lines?|stretch(?:es)?|w|f"
    r"|#)[\s.#:]*\d+(?:\s*(?:[,;&–—-]|and|to)\s*(?:frames?|windows?|captions?|notes?|w|f|#)?\s*\d+)*[)\]]"
    r"|(?<=\w)\s+\(\d{1,3}\)(?=[.,;]|\Z)|\s*\{\d{1,4}(?:\s*[-–,]\s*\d{1,4})*\}"
    r"|\s*[(\[](?:citation needed|source needed|sic|source|sources?:[^)\]\n]{0,80}|who\?|when\?"
    r"|clarification needed)[)\]]|\s*<(?:cite|ref|citation)[^<>]*>(?:[^<>]*</(?:cite|ref|citation)>)?",
    re.IGNORECASE,
)
_MARK = re.compile(r"\s*\[\d{1,4}(?:\s*[-–,;]\s*\d{1,4})*\](?!\()")
_SUPERSCRIPT = re.compile(r'(?:(?<=[.!?,;:”"’)])|\s+(?=⁽))[⁽¹²³⁰⁴-⁹⁾]+')


def citations(text: str, context: Context) -> str:
    """Citations in notations that nobody asked for; `[3]` stays where the prompt asks for it."""
    text = removed(_SUPERSCRIPT, removed(_FOREIGN_MARK, text))
    return text if context.cites else removed(_MARK, text)
