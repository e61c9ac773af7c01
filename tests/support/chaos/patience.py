"""Time limits that hold on a machine with other work: they count what a quiet machine would have needed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


class NotFinished(Exception):
    """Something did not end in time: nothing is known of what it would have come to."""


class Patience:
    """A limit in seconds of a quiet machine: while `load` processes wait for fewer cores, a second counts for less.

    Args:
        limit_s: after so many of them `passed` is true.
        load: how many processes want a core; by default, the machine's average of the last minute.
    """

    def __init__(
        self,
        limit_s: float,
        *,
        load: Callable[[], float] = lambda: os.getloadavg()[0],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s = limit_s
        self._load = load
        self._clock = clock
        self._cores = len(os.sched_getaffinity(0))
        self._spent_s = 0.0
        self._last = clock()

    def passed(self) -> bool:
        """Whether the limit is reached; ask it every second or so."""
        now = self._clock()
        self._spent_s += (now - self._last) * min(1.0, self._cores / max(self._load(), 1e-9))
        self._last = now
        return self._spent_s >= self._limit_s

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Poll until `condition` holds.

        Raises:
            NotFinished: it did not in time; the message names `what`.
        """
        while not condition():
            if self.passed():
                raise NotFinished(f"{what}: not in {self._limit_s:.0f} s of a quiet machine")
            time.sleep(0.1)
