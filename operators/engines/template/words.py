"""Words: times, numbers, lists, and a choice among wordings that the seed alone decides."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class Voice:
    """Chooses wordings. Equal arguments give equal choices; the same wording is not taken twice in a row."""

    def __init__(self, seed: int, kind: str, start_s: float) -> None:
        self._random = random.Random(f"{seed} {kind} {start_s:.3f}")  # a string: the same on every platform
        self._last: dict[tuple[str, ...], str] = {}

    def pick(self, *ways: str) -> str:
        last = self._last.get(ways)
        choice = self._random.choice([w for w in ways if w != last] or list(ways))
        self._last[ways] = choice
        return choice


def number(count: int) -> str:
    return _NUMBERS[count] if 0 <= count < len(_NUMBERS) else str(count)


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{number(count)} times")


def plural(count: int, one: str) -> str:
    """ "one shot", "two shots", "14 shots"."""
    return f"{number(count)} {one if count == 1 else one + 's'}"


def duration(seconds: float) -> str:
    """A length in words, cut to whole seconds: "12 seconds", "2 minutes and 5 seconds", "1 hour and 3 minutes"."""
    whole = max(1, math.floor(seconds + 1e-6))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "hour"), (minutes, "minute")] if hours else [(minutes, "minute"), (rest, "second")]
    said = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in parts if n]
    return listing(said)


def listing(items: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def named(name: str) -> str:
    """ "a cup", "an apple"."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def sentence(text: str) -> str:
    """First letter large, one full stop, no double spaces."""
    text = " ".join(text.split()).rstrip(" ,;:")
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…" or text.endswith(('."', '!"', '?"')) else text + "."


def quote(text: str) -> str:
    """Text in quotation marks, its own ones made single, cut at a word where it is very long."""
    text = " ".join(text.replace('"', "'").split())
    if len(text) > 200:
        text = text[:200].rsplit(" ", 1)[0] + " …"
    return f'"{text}"'


def paragraph(sentences: Iterable[str], words: int | None) -> str:
    """Join sentences, the same never twice, and stop before passing the wanted length by more than a fifth.

    The first sentence is always kept.
    """
    kept: list[str] = []
    count = 0
    for one in sentences:
        if not one or one in kept:
            continue
        size = len(one.split())
        if kept and words is not None and count + size > 1.2 * words:
            continue
        kept.append(one)
        count += size
    return " ".join(kept)
