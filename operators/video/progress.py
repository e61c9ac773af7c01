"""What the decoding process tells its watchdog: how far it is, and whether it waits for storage or for itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Counters of one process, written by the thread that decodes and read by the thread that reports.

    Attributes:
        steps: packets, pictures and storage reads done so far; only its change means anything.
        helper_pid: a program that works for this process; its memory and CPU count as this one's.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.helper_pid: int | None = None
        self._waiting_since: float | None = None

    def step(self) -> None:
        """One more packet or picture is done."""
        self.steps += 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The block waits for storage: a stall inside is storage's, not the decoder's."""
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._waiting_since = None
            self.steps += 1

    def waited_s(self) -> float | None:
        """Seconds that the present storage read has lasted; None when no read is under way."""
        since = self._waiting_since
        return None if since is None else time.monotonic() - since


PROGRESS = Progress()
"""The one instance of this process."""
