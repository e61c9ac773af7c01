"""The sentence splitter of Longcap: `sentencex` (Wikimedia, about 300 languages), with corrections.

The library handles abbreviations, initials, decimal numbers, quotes and brackets. In a few places it splits captions
wrongly: after list numbers, ordinals and titles that are not in its lists. Two joined sentences do less harm than a
sentence that is cut in two, so each rule here joins.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from operators.language.identify import language_code, likely_language

_DEFAULT = "en"
_LETTERS, _SURE = 16, 0.7  # a wrong guess costs little: it only selects other abbreviations
# inches and feet are not quotes: 5" pipe, 6' 2"
_MEASURE = re.compile(r"(?<=\d)[\"']")
# the library treats every white space as one byte, and panics inside a no-break space
_SPACE = re.compile(r"\s")
_MARKS = re.compile(r"(?:\s*\[\d[\d\s,–-]*\])+")
_MARKS_BEHIND = re.compile(r"(?<=[.!?…])(?:\s+\[\d[\d\s,–-]*\])+\s*\Z")
_ELLIPSIS = re.compile(r"…[\"'”’»)\]]*\s+(?=[^\Wa-z\d_])(?!I\b)")
_NUMBER = re.compile(r"(?:\A|\s)[(\[]?(?:\d{1,3}|[ivx]{1,4}|[^\W\d_])[.)]\Z", re.IGNORECASE)
_ORDINAL = re.compile(r"(?:\A|\W)\d+\.\Z")
_INITIAL = re.compile(r"(?:\A|[\s.(])[^\W\d_]\.\Z")
_DOTTED = re.compile(r"[^\W\d_]\.-?[^\W\d_]+\.\Z")  # t.ex. f.eks. J.-C.
_SHORT = re.compile(r"(?:(?P<before>\S+)\s+|\A|(?<=[^\w\s]))(?P<word>[^\W\d_]{2,6})\.\Z")
_VOWELS = frozenset("aeiouyæøœаеёиоуыэюяіїєαεηιουωάέήίόύώ")
# titles and units that have vowels, in lower case; the library's lists lack them
_TITLES = frozenset(
    ("approx", "asst", "avv", "doç", "dott", "dña", "godz", "insp", "inż", "mevr", "mlle", "mme", "sra", "srta")
)
_DANDA = re.compile(r"[\u0900-\u0dff]{1,4}\.\Z")  # Indic scripts end sentences with a danda; a full stop abbreviates
_QUOTED = re.compile(r"[」』]\Z")


def split_sentences(text: str, language: str | None = None) -> list[str]:
    """Return the sentences of `text` in order, stripped. A line break ends a sentence.

    Marks such as `[3]` or `[4-6]` after a sentence belong to it.

    Args:
        language: name or code ("German", "de") that selects abbreviations; None: it is identified from the text.
    """
    code = _code(text, language)
    return [sentence for line in text.splitlines() if line.strip() for sentence in _of_line(line.strip(), code)]


def _code(text: str, language: str | None) -> str:
    if language is not None:
        return language_code(language) or _DEFAULT
    return _guessed(text)


@lru_cache(maxsize=4096)
def _guessed(text: str) -> str:
    return likely_language(text, letters=_LETTERS, sure=_SURE) or _DEFAULT


def _of_line(line: str, code: str) -> list[str]:
    from sentencex import segment

    found_ends, at = {found.end() for found in _ELLIPSIS.finditer(line)}, 0
    for part in segment(code, _SPACE.sub(" ", _MEASURE.sub("″", line))):
        at += len(part)
        found_ends.add(at)
    move = _before_marks if _MARKS.match(line) else _behind_marks
    ends = [0, *sorted({move(line, end) for end in found_ends if end < len(line)}), len(line)]
    parts = [line[a:b] for a, b in pairwise(ends) if line[a:b].strip()]
    joined: list[str] = []
    for part in parts:
        if joined and _joins(joined[-1], part, code):
            joined[-1] += part
        else:
            joined.append(part)
    return [part.strip() for part in joined]


def _before_marks(line: str, end: int) -> int:
    """Return the end of a sentence without a mark of the next one, for lines that begin with a mark."""
    found = _MARKS_BEHIND.search(line, 0, end)
    return found.start() if found else end


def _behind_marks(line: str, end: int) -> int:
    found = _MARKS.match(line, end)
    return found.end() if found else end


def _joins(before: str, part: str, code: str) -> bool:
    """Return whether a boundary that the library found between `before` and `part` is wrong."""
    spaced = before != before.rstrip() or part != part.lstrip()
    head, tail = before.rstrip(), part.lstrip()
    if _QUOTED.search(head):
        return code == "ja" and tail.startswith(("と", "って"))  # 「…。」と言う
    # "1." and the item that it numbers; J.-C.
    if _NUMBER.fullmatch(head) or (head.endswith(".") and not spaced and tail.startswith(("-", "–"))):
        return True
    small = tail[:1].islower()
    if _ORDINAL.search(head) or _DOTTED.search(head):
        return small
    if _INITIAL.search(head):  # English sentences end like this: "in grade B.", "you and I."
        return code != _DEFAULT
    return bool(_DANDA.search(head)) or _abbreviated(head, small or tail[:1].isdigit())


def _abbreviated(head: str, small: bool) -> bool:
    """Return whether `head` ends with an abbreviation without vowels: Cpt. Mgr. Str. tbsp., but not acronyms or Hmm."""
    found = _SHORT.search(head)
    if found is None:
        return False
    word = found["word"]
    if word.lower() in _TITLES:
        return True
    if word.isupper() or word[-1] == word[-2] or not _cased(word) or _VOWELS & set(_plain(word)):
        return False
    measured = (found["before"] or "")[-1:].isdigit()  # "It is 5 km. Then he turns."
    return small or not measured


def _cased(word: str) -> bool:
    return word.lower() != word.upper()


def _plain(word: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFD", word.lower())
