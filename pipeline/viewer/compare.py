"""Two long captions of one video side by side: paragraphs that tell the same time beside each other, words compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from operators.core.base import Row

_PIECE = re.compile(r"\S+|\s+")
_MOST_WORDS = 6000  # of a paragraph; comparing takes time that grows with the square


@dataclass(frozen=True)
class Run:
    """Words in a row: `same`, or only on this `side`."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Pair:
    """A paragraph of each side; empty where a side has none there.

    Attributes:
        start_s, end_s: what the paragraphs tell, both together; None: the opening.
        same: share of words that both have, 0 to 1; None where they are too long to compare.
    """

    start_s: float | None
    end_s: float | None
    left: list[Run]
    right: list[Run]
    same: float | None


def compare(left: Sequence[Row], right: Sequence[Row]) -> list[Pair]:
    """Pair and compare paragraphs as `pipeline.viewer.detail.paragraphs` gives them.

    Paragraphs whose times overlap stand together: where one side tells in one paragraph what the other tells in two,
    both are one pair.
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
    """The words of two texts, those that only one has marked; and the share that both have."""
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
    """A word by which it is compared; all blanks are alike."""
    return " " if word.isspace() else word
