"""Long captions made worse in one way each: an exam that does not notice is no exam."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

from pipeline.evaluation.exam.events import Event
from pipeline.evaluation.exam.reading import Told, moved

Spoil = Callable[[Sequence[Told]], list[Told]]


def shuffle_windows(told: Sequence[Told]) -> list[Told]:
    """The windows in another order, each with its own times."""
    blocks = _windows(told)
    random.Random(1).shuffle(blocks)
    return [t for block in blocks for t in block]


def drop_windows(told: Sequence[Told]) -> list[Told]:
    """Without one window in ten."""
    blocks = _windows(told)
    which = min(5, len(blocks) // 2)
    return [t for k, block in enumerate(blocks) if k % 10 != which for t in block]


def swap_names(told: Sequence[Told]) -> list[Told]:
    """The two names that are told most often, each in the other's place."""
    names = [t.event.who for t in told if t.event.who]
    first, second = sorted(set(names), key=lambda n: (-names.count(n), n))[:2]
    other = {first: second, second: first}

    def swapped(event: Event) -> Event:
        who, whom = other.get(event.who or "", event.who), other.get(event.whom or "", event.whom)
        return replace(event, who=who, whom=whom)

    return [replace(t, event=swapped(t.event)) for t in told]


def shift_times(told: Sequence[Told]) -> list[Told]:
    """Everything 20 s later."""
    return [moved(t, 20.0) for t in told]


SPOILS: dict[str, tuple[Spoil, str]] = {
    "windows shuffled": (shuffle_windows, "order"),
    "one window in ten dropped": (drop_windows, "recall"),
    "two names swapped": (swap_names, "names"),
    "times shifted by 20 s": (shift_times, "time_error_s"),
}
"""What is done, and the mark that has to move."""


def _windows(told: Sequence[Told]) -> list[list[Told]]:
    return [list(block) for _, block in groupby(told, key=lambda t: (t.event.start_s, t.event.end_s))]
