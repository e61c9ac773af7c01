"""Time limits for a loaded machine: they count the time that an idle machine would have needed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


class NotFinished(Exception):
    """Something did not end in time, so its result is unknown."""


class Patience:
    """A limit in seconds of an idle machine: while `load` processes compete for fewer cores, a second counts less.

    Args:
        limit_s: `passed` is true after this time.
        load: number of processes that need a core; by default, the load average of the last minute.
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
        """Return whether the limit is reached; call it about every second."""
        now = self._clock()
        self._spent_s += (now - self._last) * min(1.0, self._cores / max(self._load(), 1e-9))
        self._last = now
        return self._spent_s >= self._limit_s

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Poll until `condition` is true.

        Raises:
            NotFinished: it was not true in time; the message names `what`.
        """
        while not condition():
            if self.passed():
                raise NotFinished(f"{what}: not in {self._limit_s:.0f} s of a quiet machine")
            time.sleep(0.1)
