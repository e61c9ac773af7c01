"""Progress of the decoding process for its watchdog, and whether it waits for storage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Counters of one process, written by the thread that decodes and read by the thread that reports.

    Attributes:
        steps: number of packets, frames and storage reads so far; only its changes are meaningful.
        helper_pid: process id of a helper program, whose memory and CPU time count as this process's.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.helper_pid: int | None = None
        self._waiting_since: float | None = None

    def step(self) -> None:
        """Record one more packet or frame."""
        self.steps += 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark the block as waiting for storage, so that a stall in it is not attributed to the decoder."""
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._waiting_since = None
            self.steps += 1

    def waited_s(self) -> float | None:
        """Duration of the current storage read in seconds; None if there is none."""
        since = self._waiting_since
        return None if since is None else time.monotonic() - since


PROGRESS = Progress()
"""The one instance of this process."""
