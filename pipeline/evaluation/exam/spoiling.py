"""Long captions made worse in one way each, to check that the exam notices it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

from pipeline.evaluation.exam.events import Event
from pipeline.evaluation.exam.reading import Predicted, moved

Spoil = Callable[[Sequence[Predicted]], list[Predicted]]


def shuffle_windows(predicted: Sequence[Predicted]) -> list[Predicted]:
    """Put the windows in another order, each with its own times."""
    blocks = _windows(predicted)
    random.Random(1).shuffle(blocks)
    return [t for block in blocks for t in block]


def drop_windows(predicted: Sequence[Predicted]) -> list[Predicted]:
    """Drop one window in ten."""
    blocks = _windows(predicted)
    which = min(5, len(blocks) // 2)
    return [t for k, block in enumerate(blocks) if k % 10 != which for t in block]


def swap_names(predicted: Sequence[Predicted]) -> list[Predicted]:
    """Exchange the two names that are predicted most often."""
    names = [t.event.who for t in predicted if t.event.who]
    first, second = sorted(set(names), key=lambda n: (-names.count(n), n))[:2]
    other = {first: second, second: first}

    def swapped(event: Event) -> Event:
        who, whom = other.get(event.who or "", event.who), other.get(event.whom or "", event.whom)
        return replace(event, who=who, whom=whom)

    return [replace(t, event=swapped(t.event)) for t in predicted]


def shift_times(predicted: Sequence[Predicted]) -> list[Predicted]:
    """Shift all times by 20 s."""
    return [moved(t, 20.0) for t in predicted]


SPOILS: dict[str, tuple[Spoil, str]] = {
    "windows shuffled": (shuffle_windows, "order"),
    "one window in ten dropped": (drop_windows, "recall"),
    "two names swapped": (swap_names, "names"),
    "times shifted by 20 s": (shift_times, "time_error_s"),
}
"""Change -> the function that makes it, and the mark that must change."""


def _windows(predicted: Sequence[Predicted]) -> list[list[Predicted]]:
    return [list(block) for _, block in groupby(predicted, key=lambda t: (t.event.start_s, t.event.end_s))]
