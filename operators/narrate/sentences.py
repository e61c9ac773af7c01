"""Sentences of a told text, and which windows say each of them.

Every sentence of the long caption must be able to name the windows that it rests on. A model may mark them itself
("[12]" or "[12-14]" at the end of a sentence); where it does not, they are found by the words that a sentence shares
with the captions, rare words counting most. A sentence that shares next to nothing with any caption rests on nothing.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from operators.grid import Span

_CLOSED = r"[\"'”’»」』）)\]]*(?:\s*\[\d[\d\s,–-]*\])*"  # quotes and marks belong to the sentence before them
_END = re.compile(rf"[.!?…।؟۔]{_CLOSED}(?=\s+(?!\[\d)[^\sa-z])|[。！？]{_CLOSED}|\n+")
_MARK = re.compile(r"\s*\[(\d+(?:\s*[-–,]\s*\d+)*)\]")
_SIGNS = "".join(c for k in range(0x300, 0x11000) if unicodedata.category(c := chr(k)).startswith("M"))
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{re.escape(_SIGNS)}])*")  # Hindi and Thai write vowels as signs
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\U0010ffff]")  # scripts without spaces
_STEM = 5  # letters: enough to join walks, walked, walking, in many languages
_LEAST_SHARE = 0.25  # of a sentence's weight that a window must say to count at all
_MARKED_SHARE = 0.1  # the same for one that the model marks
_NEAR_BEST = 0.7  # of the best window's share: windows overlap, and two may say the same


@dataclass(frozen=True)
class Sentence:
    """A sentence and the `window_index` of each window that says it; none: it rests on nothing."""

    text: str
    windows: tuple[int, ...]


def split_sentences(text: str) -> list[str]:
    ends = [0, *(found.end() for found in _END.finditer(text)), len(text)]
    return [part for a, b in pairwise(ends) if (part := text[a:b].strip())]


class Ground:
    """Finds the windows that a sentence rests on.

    A time that the text names ("from 2:05 to 2:15") is no word of a caption; it tells which windows are meant, for its
    sentence and those behind it until the next, where one of them says the sentence.

    Args:
        captions: window_index -> all that was captioned of that window, its frames included.
        spans: window_index -> what it shows; without them times are not looked at.
    """

    def __init__(self, captions: dict[int, str], spans: dict[int, Span] | None = None) -> None:
        self._spans = spans or {}
        self._words = {k: frozenset(stems(text)) for k, text in captions.items()}
        held = Counter(word for words in self._words.values() for word in words)
        # as BM25's: what every window says tells them apart no more, but still says that the sentence is about them
        self._weight = {w: math.log(1 + len(self._words) / n) for w, n in held.items()}
        self._unknown = math.log(1 + max(1, len(self._words)))

    def sentences(self, text: str) -> list[Sentence]:
        """The sentences of `text`, marks taken out, each with its windows."""
        told, named = [], None
        for part in split_sentences(text):
            named = _named(part) or named
            told.append(self._sentence(part, named))
        return told

    def support(self, text: str) -> dict[int, float]:
        """window_index -> how much of a sentence the captions of that window say, 0 to 1; windows that say none of it
        are left out. The share is of the weight of its words, rare ones weighing most."""
        plain = _MARK.sub("", text).strip()
        shares = self._shares(_TIMES.sub(" ", plain) if self._spans else plain)
        return {k: share for k, share in shares.items() if share > 0}

    def _sentence(self, text: str, named: Span | None) -> Sentence:
        plain = _MARK.sub("", text).strip()
        shares = self._shares(_TIMES.sub(" ", plain) if self._spans else plain)
        if named is not None:
            meant = {k: v for k, v in shares.items() if k in self._spans and _close(self._spans[k], named)}
            if max(meant.values(), default=0.0) >= _LEAST_SHARE:
                shares = meant
        marked = {k for mark in _MARK.findall(text) for k in _numbers(mark)}
        # a mark is a claim, and a model that invents a sentence invents its mark
        windows = {k for k in marked if shares.get(k, 0.0) >= _MARKED_SHARE}
        if not windows:
            least = max(_LEAST_SHARE, max(shares.values(), default=0.0) * _NEAR_BEST)
            windows = {k for k, share in shares.items() if share >= least}
        return Sentence(plain, tuple(sorted(windows)))

    def _shares(self, text: str) -> dict[int, float]:
        """window_index -> how much of the sentence its captions say, 0 to 1."""
        words = set(stems(text))
        whole = sum(self._weight.get(w, self._unknown) for w in words)
        if not whole:
            return {}
        return {k: sum(self._weight[w] for w in words & held) / whole for k, held in self._words.items()}


def fresh(sentences: Iterable[Sentence], section: Sequence[Sentence], before: Sequence[str]) -> list[Sentence]:
    """Those that add something: no part of one in this `section`, not the same as one in the section `before`.

    What happens again later may be told again: then it rests on windows that the one before does not rest on.
    """
    told, same = list(section), {text.casefold() for text in before}
    kept = []
    for sentence in sentences:
        again = any(says(one.text, sentence.text) and not _apart(one.windows, sentence.windows) for one in told)
        if sentence.text.casefold() in same or again:
            continue
        kept.append(sentence)
        told.append(sentence)
    return kept


def _apart(one: Sequence[int], other: Sequence[int]) -> bool:
    return bool(one and other) and set(one).isdisjoint(other)


def says(whole: str, part: str) -> bool:
    """Whether `whole` holds all words of `part`, in its order: a car that hits a man is no man that hits a car."""
    left = iter(_WORD.findall(whole.lower()))
    return all(word in left for word in _WORD.findall(part.lower()))


def count_words(text: str) -> int:
    """Words of a text; where there are no spaces, two characters count as one."""
    return sum(-(-len(word) // 2) if _DENSE.search(word) else 1 for word in text.split())


def stems(text: str) -> list[str]:
    """Words of at least three letters by their beginnings; where there are no spaces, pairs of characters."""
    stems = []
    for word in _WORD.findall(text.lower()):
        if _DENSE.search(word):
            stems += [word[i : i + 2] for i in range(len(word) - 1)] or [word]
        elif len(word) >= 3 or word.isdigit():
            stems.append(word[:_STEM])
    return stems


_TIMES = re.compile(r"\b(?:(?:from|at|until|to)\s+)?(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)\b", re.IGNORECASE)
_HEAD_CHARS = 24  # of a sentence, in which the time that it begins with stands


def _named(text: str) -> Span | None:
    """The time that a sentence begins with: "From 2:05 to 2:15", "At 2:05"."""
    times = [(m.start(), int(m[1] or 0) * 3600 + int(m[2]) * 60 + int(m[3])) for m in _TIMES.finditer(text)]
    near = [time_s for at, time_s in times if at < _HEAD_CHARS]
    return Span(float(near[0]), float(near[-1])) if near else None


def _close(window: Span, named: Span) -> bool:
    """Whether a window is what a named time means: the two share more than an edge; a second, for times are cut."""
    if named.end_s - named.start_s < 1:
        return window.start_s - 1 <= named.start_s < window.end_s
    return min(window.end_s, named.end_s + 1) - max(window.start_s, named.start_s) > 0.75 * (
        named.end_s - named.start_s
    )


def _numbers(mark: str) -> set[int]:
    numbers: set[int] = set()
    for part in mark.split(","):
        ends = [int(n) for n in re.findall(r"\d+", part)]
        if len(ends) == 2 and ends[0] <= ends[1] <= ends[0] + 100:
            numbers.update(range(ends[0], ends[1] + 1))
        else:
            numbers.update(ends)
    return numbers
