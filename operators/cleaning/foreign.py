"""Sentences that are in another language than the answer, or at times that the video does not have."""

from __future__ import annotations

import re

from operators.cleaning import times
from operators.cleaning.context import Context
from operators.cleaning.paragraphs import filtered
from operators.cleaning.quotes import unquoted
from operators.language.identify import language_code, likely_language, other_language

_TIME_SLACK_S = 1.0  # models round

_LIKELY = frozenset(
    ("de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "hu", "ro", "tr", "id", "vi")
)  # what models slip into
# of 4,200 clauses of human English none of 11 letters is taken for one of these with more than 0.3
_LIKELY_LETTERS, _LIKELY_SURE = 11, 0.65
_FOREIGN_LETTERS, _FOREIGN_SURE = 30, 0.97
_SCRIPTS = re.compile("[\u0370-\u1fff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_WRITTEN = re.compile(
    r"\b(?:text|word|letter|character|sign|kanji|hanzi|kana|hangul|symbol|logo|banner|title|subtitle"
    r"|caption|read|say|written|write|print|label|name|called|script|poster|screen|display|brand|inscri"
    r"|calligraph|tattoo|chinese|japanese|korean|russian|arabic|greek|cyrillic|hebrew|hindi|thai)",
    re.IGNORECASE,
)


def foreign_sentences(text: str, context: Context) -> str:
    """Sentences in another language than the answer's; where all are, the gate `wrong_language` says so."""
    wanted = language_code(context.language) if context.language else None
    if wanted is None:
        return text
    return filtered(text, context, lambda sentence: _foreign(sentence, wanted))


def _foreign(sentence: str, wanted: str) -> bool:
    outside = unquoted(sentence)
    letters = [c for c in outside if c.isalpha()]
    if not letters:
        return False
    strange = sum(len(run) for run in _SCRIPTS.findall(outside))
    if wanted in _LATIN and strange:
        return strange >= 0.3 * len(letters) or not _WRITTEN.search(outside)
    if wanted == "en" and likely_language(outside, letters=_LIKELY_LETTERS, sure=_LIKELY_SURE) in _LIKELY:
        return True
    return other_language(outside, wanted, letters=_FOREIGN_LETTERS, sure=_FOREIGN_SURE) is not None


_LATIN = frozenset(
    ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "nb", "nn", "fi", "pl", "cs", "sk", "hu", "ro", "tr")
) | {"id", "ms", "vi", "ca", "hr", "sl", "et", "lv", "lt"}


def impossible_times(text: str, context: Context) -> str:
    """Sentences that name a time behind the end of the video; where most do, the gate `outside_video` says so."""
    if context.duration_s is None:
        return text
    end_s = context.duration_s + _TIME_SLACK_S
    return filtered(text, context, lambda s: any(point.at_s > end_s for point in times.points_in(s)), least=0.5)
