"""Minimal edits that make a true sentence false: negatives for binary questions, with the classes of TemporalBench."""

from __future__ import annotations

import re

_PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "order": (("before", "after"), ("first", "last"), ("begins", "ends"), ("starts", "stops")),
    "direction": (
        ("left", "right"), ("up", "down"), ("upward", "downward"), ("top", "bottom"), ("into", "out of"),
        ("in", "out"), ("forward", "backward"), ("clockwise", "counterclockwise"), ("towards", "away from"),
        ("toward", "away from"), ("opens", "closes"), ("enters", "leaves"), ("above", "below"), ("north", "south"),
    ),
    "frequency": (("once", "twice"), ("two", "three"), ("four", "five"), ("one", "two"), ("three", "four")),
    "magnitude": (
        ("slowly", "quickly"), ("small", "large"), ("grows", "shrinks"), ("big", "little"), ("short", "long"),
        ("light", "dark"), ("wide", "narrow"), ("high", "low"),
    ),
    "colour": (
        ("red", "blue"), ("green", "purple"), ("yellow", "gray"), ("black", "white"), ("orange", "pink"),
        ("brown", "teal"),
    ),
}  # fmt: skip

_OTHER = {kind: {a: b for x, y in pairs for a, b in ((x, y), (y, x))} for kind, pairs in _PAIRS.items()}
_WORD = {
    kind: re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, other), key=len, reverse=True))})\b", re.IGNORECASE)
    for kind, other in _OTHER.items()
}


def edited(sentence: str) -> list[tuple[str, str]]:
    """Return (kind, sentence with one word or phrase replaced by its opposite) for each kind found in the sentence."""
    found = []
    for kind, word in _WORD.items():
        hit = word.search(sentence)
        if hit is None:
            continue
        other = _OTHER[kind].get(hit[0].lower())
        if other is not None:
            other = other.capitalize() if hit[0][0].isupper() else other
            found.append((kind, sentence[: hit.start()] + other + sentence[hit.end() :]))
    return found
