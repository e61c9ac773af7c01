"""The end of an answer: summaries, sentences that break off or were said before."""

from __future__ import annotations

import re

from operators.cleaning.context import Context
from operators.cleaning.paragraphs import plain
from operators.cleaning.quotes import masked
from operators.language.sentences import split_sentences

_CLOSING = re.compile(
    r"\A\W*(?:(?:finally|thus|so|therefore|in the end|lastly|hence|as such|and|together|altogether),? "
    r")?(?:(?:overall|in summary|in conclusion|to conclude|to summari[sz]e|to sum (?:it |things |this "
    r"|all (?:of )?this )?up|summing up|in "
    r"short|in essence|in brief|all in all|taken together|on the whole|in closing|summary:|conclusion:|in "
    r"general,|altogether,|ultimately,|as a whole,|in a nutshell|in sum,|to recap|long story short|tl;? ?dr|(?:key "
    r"|main )?"
    r"takeaways?:|all things considered|in (?:the )?(?:grand|bigger|larger|overall|great(?:er)?) (?:scheme|picture)"
    r"|when all is"
    r" said|in the final analysis|to wrap (?:things )?up|to put it (?:briefly|simply|in a nutshell)|simply put"
    r"|put simply|in other"
    r" words|in a word,|in a few words|all told|by and large|as a final (?:note|thought)|(?:the )?bottom line"
    r"|to round (?:it|things)"
    r" off|as a closing)(?! (?-i:[A-Z][a-z]))"
    r"|(?:insgesamt|zusammenfassend|alles in allem|im großen und ganzen|en (?:résumé|conclusion|somme)"
    r"|dans l'ensemble|en (?:resumen|conclusión|general,|definitiva)|in (?:sintesi|conclusione)|nel "
    r"complesso|em (?:resumo|conclusão)|no geral|в целом|подводя итог|таким образом,)\b"
    r"|(?:总的来说|总之|综上所述|总而言之|整体而言|総じて|全体として|まとめると|전반적으로|요약하자면)"
    r"|the (?:overall|general) (?:atmosphere|mood|tone|impression|feeling|ambian?ce|vibe|composition"
    r"|setting|effect|scene|narrative)\b"
    r"|(?:the|this|it)(?: \w+){0,3}?(?: (?:scene|video|clip|image|setting|atmosphere|moment|footage|segment"
    r"|frame|composition|description|sequence|interaction|environment|picture|photograph))?(?: \w+){0,2}? "
    r"(?:conveys? an?|evokes? an?|exudes? an?|(?:provides?|offers?|gives?) (?:us |viewers |the viewer "
    r")?an? (?:\w+ ){0,2}(?:glimpse|snapshot|sense|insight)|captures? an? (?:\w+,? ){1,4}moment|captures? "
    r"the (?:essence|spirit|beauty|mood|feeling|joy|excitement|energy)|leaves? the viewer|(?:serves? as"
    r"|is) (?:an? )?(?:\w+ )?(?:reminder|testament)|invites? the viewer|highlights? the (?:importance"
    r"|beauty|significance)|creat(?:es|ing) an? \w+ (?:atmosphere|mood|ambian?ce)"
    r"|(?:ends?|concludes?|closes?) (?:with|on) (?:an? )?(?:\w+ )?(?:sense|feeling|hint|note|air) of"
    r"|adds? an? (?:\w+ )?(?:sense|air|feeling|touch)"
    r" of|(?:as a whole|overall),? (?:suggests?|conveys?|shows?|feels?))"
    r"|(?:the )?viewers? (?:is|are) left\b|(?:such|these|those|this) (?:moments?|scenes?"
    r"|images?)\b[^.]{0,30} reminds? (?:us|viewers|the viewer)\b"
    r"|this (?:adds|lends|gives|brings) (?:the scene )?an? (?:\w+ )?(?:sense|air|feeling|touch) of\b)",
    re.IGNORECASE,
)
_CLOSING_REACH = 3  # sentences at the end in which a summary may begin


def closing(text: str, context: Context) -> str:
    """A summary at the end ("Overall, …"), with all that follows it; a first sentence is none."""
    sentences = split_sentences(text, context.language)
    for k in range(max(1, len(sentences) - _CLOSING_REACH), len(sentences)):
        if _CLOSING.search(masked(sentences[k])):
            return " ".join(sentences[:k])
    return text


_ENDED = re.compile(r"[.!?…。．｡！？।؟۔։።]\W*\Z|[\"”’»」』)\]*]\W*\Z")
_OPEN_END = (
    r"(?:the|a|an|and|or|but|of|their|its|is|are|was|were|while|because|which|whose|into|onto|as|very|my"
    r"|your|every|than|nor|beside|beneath|between)"
)
_MID_SENTENCE = re.compile(
    rf"(?:\b(?-i:{_OPEN_END})(?:\s*(?:\.{{2,}}|…))?|\b(?-i:the|an|and|or|their|whose|every)\."
    r"|[,;:–—(\[-])\s*\Z"
)


def unfinished(text: str, context: Context) -> str:
    """A last sentence that breaks off, where whole ones stand before it."""
    sentences = split_sentences(text, context.language)
    if len(sentences) < 2 or not breaks_off(sentences[-1], sentences[-2]):
        return text
    return " ".join(sentences[:-1])


_LONG_WORDS = 16  # a whole sentence of so many words has a full stop


def breaks_off(sentence: str, before: str | None = None) -> bool:
    """Whether a sentence ends in its middle: at a word that needs another, or without the mark that `before` has."""
    if _MID_SENTENCE.search(sentence):
        return True
    if sentence[:1].isupper() and len(sentence.split()) >= _LONG_WORDS and _ENDED.search(sentence) is None:
        return True
    return before is not None and _ENDED.search(before) is not None and _ENDED.search(sentence) is None


_LEAST_AGAIN, _LEAST_LATER = 3, 6  # words
_LOOP = 4  # times


def repeated_end(text: str, context: Context) -> str:
    """The same sentence twice in a row, and a last sentence that was said before."""
    sentences = split_sentences(text, context.language)
    said = [plain(s) for s in sentences]
    if any(len(set(said[k : k + _LOOP])) == 1 for k in range(len(said) - _LOOP + 1)):
        return text  # a loop is for the gate `looping`
    kept = [k for k in range(len(sentences)) if not (k and said[k] == said[k - 1] and _long(said[k], _LEAST_AGAIN))]
    for size in range(len(kept) // 2, 1, -1):  # the last sentences are the ones before them again
        if [said[k] for k in kept[-size:]] == [said[k] for k in kept[-2 * size : -size]]:
            del kept[-size:]
            break
    while len(kept) > 1 and said[kept[-1]] in {said[k] for k in kept[:-1]} and _long(said[kept[-1]], _LEAST_LATER):
        kept.pop()
    return text if len(kept) == len(sentences) else " ".join(sentences[k] for k in kept)


def _long(said: str, least: int) -> bool:
    """Whether a sentence has so many words, or letters where there are no spaces."""
    words = len(said.split())
    return words >= least or (words == 1 and len(said) >= 2 * least)
