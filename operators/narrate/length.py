"""The length of a section: how many words to ask for so that as many as are wanted come, and what to leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from operators.language.words import count_words
from operators.narrate.grounding.ground import Sentence

LEAST, MOST = 0.9, 1.25  # of the wanted words: below, a section is continued; above, it is trimmed
LITTLE = 8  # words: a continuation that adds less is the end
LOWEST, HIGHEST = 0.25, 4.0  # bounds of a habit: one odd answer must not ask for a page, or for nothing
_BEFORE = 15  # words, asked for and written, that stand for what is not known yet
FEWEST_ASKED = 10


@dataclass(kw_only=True)
class Habit:
    """How many words the model writes where it is asked for a number of them, measured in this video alone.

    Of this video alone, for equal input must give equal output, whatever else the run narrates at the same time.
    """

    asked: int = 0
    written: int = 0

    def note(self, asked: int, written: int) -> None:
        self.asked += asked
        self.written += written

    def ask(self, wanted: int) -> int:
        """The number to ask for so that about `wanted` words come."""
        ratio = (self.written + _BEFORE) / (self.asked + _BEFORE)
        return max(FEWEST_ASKED, round(wanted / min(HIGHEST, max(LOWEST, ratio))))


def words_of(sentences: Sequence[Sentence]) -> int:
    return sum(count_words(s.text) for s in sentences)


def trimmed(sentences: Sequence[Sentence], wanted: int) -> list[Sentence]:
    """At most `MOST` times the wanted words, less by whole sentences, at least `LEAST` times where that is possible.

    First goes what other sentences have windows for, the least supported of it; then what stands at the end.
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
    """Why a section is not as long as wanted, `why` if it is shorter and `over` if it is longer; None where it is."""
    have = words_of(sentences)
    if have < LEAST * wanted:
        return f"{have} of {wanted} words: {why}"
    if have > MOST * wanted:
        return f"{have} of {wanted} words: {over}"
    return None
