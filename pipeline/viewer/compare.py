"""Two long captions of one video side by side: paragraphs paired by time, words compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from operators.core.base import Row

_PIECE = re.compile(r"\S+|\s+")
_MOST_WORDS = 6000  # words of a paragraph; comparing takes quadratic time


@dataclass(frozen=True)
class Run:
    """A run of words that both sides have (`same`) or only one."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Pair:
    """A paragraph of each side; empty if a side has none.

    Attributes:
        start_s, end_s: span of both paragraphs together; None: the opening.
        same: share of words that both have, 0 to 1; None if they are too long to compare.
    """

    start_s: float | None
    end_s: float | None
    left: list[Run]
    right: list[Run]
    same: float | None


def compare(left: Sequence[Row], right: Sequence[Row]) -> list[Pair]:
    """Pair and compare paragraphs as returned by `pipeline.viewer.detail.paragraphs`.

    Paragraphs whose times overlap are one pair, so one paragraph of a side may face several of the other side.
    """
    pairs = []
    openings = [_text(p) for side in (left, right) for p in [[q for q in side if q["start_s"] is None]]]
    if any(openings):
        pairs.append(_pair(None, None, *openings))
    sections = [[p for p in side if p["start_s"] is not None] for side in (left, right)]
    at = [0, 0]
    while any(at[k] < len(sections[k]) for k in (0, 1)):
        taken: list[list[Row]] = [[], []]
        first = min((k for k in (0, 1) if at[k] < len(sections[k])), key=lambda k: sections[k][at[k]]["start_s"])
        taken[first].append(sections[first][at[first]])
        at[first] += 1
        end_s = taken[first][0]["end_s"]
        grown = True
        while grown:
            grown = False
            for k in (0, 1):
                while at[k] < len(sections[k]) and _middle(sections[k][at[k]]) < end_s:
                    taken[k].append(sections[k][at[k]])
                    end_s = max(end_s, sections[k][at[k]]["end_s"])
                    at[k] += 1
                    grown = True
        start_s = min(p["start_s"] for side in taken for p in side)
        pairs.append(_pair(start_s, end_s, _text(taken[0]), _text(taken[1])))
    return pairs


def words(left: str, right: str) -> tuple[list[Run], list[Run], float | None]:
    """Return the words of two texts, with those that only one of them has marked, and the share that both have."""
    a, b = _PIECE.findall(left), _PIECE.findall(right)
    if max(len(a), len(b)) > 2 * _MOST_WORDS:
        return [Run(left, changed=False)], [Run(right, changed=False)], None
    matcher = SequenceMatcher(None, [_plain(w) for w in a], [_plain(w) for w in b], autojunk=False)
    sides: tuple[list[Run], list[Run]] = ([], [])
    for what, a0, a1, b0, b1 in matcher.get_opcodes():
        for side, some in ((sides[0], a[a0:a1]), (sides[1], b[b0:b1])):
            if some:
                side.append(Run("".join(some), changed=what != "equal"))
    return *sides, matcher.ratio()


def _pair(start_s: float | None, end_s: float | None, left: str, right: str) -> Pair:
    return Pair(start_s, end_s, *words(left, right))


def _text(paragraphs: Sequence[Row]) -> str:
    return " ".join(s["text"] for p in paragraphs for s in p["sentences"])


def _middle(paragraph: Row) -> float:
    return float((paragraph["start_s"] + paragraph["end_s"]) / 2)


def _plain(word: str) -> str:
    """Normalise a word for comparison; all whitespace is equal."""
    return " " if word.isspace() else word
