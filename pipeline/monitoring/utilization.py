"""What share of its time an actor had work, lately."""

from __future__ import annotations

import threading
import time
from types import TracebackType

_HALF_LIFE_S = 30.0  # of what is remembered: a scrape every 15 s sees each half minute


class Utilization:
    """A context around each piece of work, of many threads at once; between them the actor is idle."""

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
        """From 0 to 1, the last half minute counting as much as all before it."""
        with self._lock:
            self._note()
            return self._share

    def _note(self) -> None:
        now = time.monotonic()
        kept = 0.5 ** ((now - self._at) / _HALF_LIFE_S)
        self._share = kept * self._share + (1 - kept) * (1.0 if self._under_way else 0.0)
        self._at = now
