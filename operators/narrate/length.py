"""The length of a section: how many words to request to get the wanted number, and which sentences to trim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from operators.language.words import count_words
from operators.narrate.grounding.ground import Sentence

LEAST, MOST = 0.9, 1.25  # times the wanted words; a shorter section is continued, a longer one is trimmed
LITTLE = 8  # words; a continuation that adds fewer is the last
LOWEST, HIGHEST = 0.25, 4.0  # limits of the ratio, so that one unusual answer does not distort the next request
_BEFORE = 15  # words, requested and written, with which the ratio starts
FEWEST_ASKED = 10


@dataclass(kw_only=True)
class Habit:
    """The ratio between the words that a model writes and the words requested, measured within one video.

    It is measured per video, because equal input must give equal output, whatever else the run narrates simultaneously.
    """

    asked: int = 0
    written: int = 0

    def note(self, asked: int, written: int) -> None:
        self.asked += asked
        self.written += written

    def ask(self, wanted: int) -> int:
        """The number of words to request in order to get about `wanted` words."""
        ratio = (self.written + _BEFORE) / (self.asked + _BEFORE)
        return max(FEWEST_ASKED, round(wanted / min(HIGHEST, max(LOWEST, ratio))))


def words_of(sentences: Sequence[Sentence]) -> int:
    return sum(count_words(s.text) for s in sentences)


def trimmed(sentences: Sequence[Sentence], wanted: int) -> list[Sentence]:
    """Remove whole sentences until at most `MOST` times, but if possible at least `LEAST` times, the wanted words
    remain.

    Sentences whose windows support other sentences as well are removed first, the least supported ones before others;
    then sentences from the end.
    """
    left = list(sentences)
    while len(left) > 1 and words_of(left) > MOST * wanted:
        spare = words_of(left) - LEAST * wanted
        held = Counter(w for s in left for w in s.windows)
        fits = [k for k in range(len(left)) if count_words(left[k].text) <= spare] or [len(left) - 1]
        covered = [k for k in fits if left[k].windows and all(held[w] > 1 for w in left[k].windows)]
        weakest = min(covered, key=lambda k: (left[k].scores.get("support") or 0.0, -k), default=fits[-1])
        del left[weakest]
    return left


def shortfall(
    sentences: Sequence[Sentence], wanted: int, why: str, *, over: str = "no sentence of it could be left out"
) -> str | None:
    """The reason why a section is too short (`why`) or too long (`over`); None if its length is as wanted."""
    have = words_of(sentences)
    if have < LEAST * wanted:
        return f"{have} of {wanted} words: {why}"
    if have > MOST * wanted:
        return f"{have} of {wanted} words: {over}"
    return None
