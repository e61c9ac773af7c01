"""Count and stem the words of a text."""

from __future__ import annotations

import re
import unicodedata

MARKS = "".join(c for k in range(0x300, 0x11000) if unicodedata.category(c := chr(k)).startswith("M"))
"""Unicode's marks: signs that combine with the letter before them, such as vowels in Hindi and Thai."""

WORD = re.compile(rf"[^\W_](?:[^\W_]|[{re.escape(MARKS)}])*")
_WITHOUT_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\U0010ffff"
_DENSE = re.compile(f"[{_WITHOUT_SPACES}]")
_SIGNS = re.escape("".join(mark for mark in MARKS if not _DENSE.match(mark)))
_LETTER = rf"(?:[^\W_{_WITHOUT_SPACES}]|[{_SIGNS}])"  # of a script with spaces
_ENDING = re.compile(r"(?:ing|edly|ed|es|s|ly|d|e)\Z")
_SHORT = 3  # shorter words have no ending
_STEM = 5  # letters: enough to join walks, walked, walking, in many languages


def says(whole: str, part: str) -> bool:
    """Return whether `whole` has all words of `part`, in order: "a car hits a man" is not "a man hits a car"."""
    left = iter(WORD.findall(whole.lower()))
    return all(word in left for word in WORD.findall(part.lower()))


def occurrences(text: str, part: str) -> list[re.Match[str]]:
    """Return where `text`, in folded case, has the words of `part` next to each other, each as a whole.

    In scripts without spaces, words have no ends: any run of the same characters counts.
    """
    words = [re.escape(word) for word in WORD.findall(part.casefold())]
    if not words:
        return []
    pattern = rf"(?<!{_LETTER})" + r"[\W_]+".join(words) + rf"(?!{_LETTER})"
    return list(re.finditer(pattern, text.casefold()))


def count_words(text: str) -> int:
    """Count the words of a text; in scripts without spaces, two characters count as one."""
    return sum(-(-len(word) // 2) if _DENSE.search(word) else 1 for word in text.split())


def stems(text: str) -> list[str]:
    """Return the stems of words of at least three letters; in scripts without spaces, pairs of characters."""
    stems = []
    for word in WORD.findall(text.lower()):
        if _DENSE.search(word):
            stems += [word[i : i + 2] for i in range(len(word) - 1)] or [word]
        elif len(word) >= 3 or word.isdigit():
            stems.append(word[:_STEM])
    return stems


def roots(text: str) -> list[str]:
    """Return `stems` without English endings: eats and eat are one word. Words of one or two letters are unchanged."""
    words = (_ENDING.sub("", word) if len(word) > _SHORT else word for word in WORD.findall(text.lower()))
    return [stem for word in words for stem in (stems(word) or [word])]
