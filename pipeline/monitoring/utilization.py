"""The share of its recent time in which an actor had work."""

from __future__ import annotations

import threading
import time
from types import TracebackType

_HALF_LIFE_S = 30.0  # half-life of the average, twice a usual scrape interval of 15 s


class Utilization:
    """A context manager for each piece of work, shared by many threads; outside of it the actor is idle."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._at = time.monotonic()
        self._share = 0.0

    def __enter__(self) -> None:
        with self._lock:
            self._note()
            self._under_way += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self._note()
            self._under_way -= 1

    def share(self) -> float:
        """Return the share, 0 to 1; the last half minute has the same weight as all time before it."""
        with self._lock:
            self._note()
            return self._share

    def _note(self) -> None:
        now = time.monotonic()
        kept = 0.5 ** ((now - self._at) / _HALF_LIFE_S)
        self._share = kept * self._share + (1 - kept) * (1.0 if self._under_way else 0.0)
        self._at = now
