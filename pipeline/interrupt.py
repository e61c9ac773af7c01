"""Ctrl-C and SIGTERM: ask the run to drain, and end it when it does not.

The first signal lets what is under way be finished and committed; nothing new is begun. A second one, or the end of the
time that draining may take (clusters give 30 s), ends the run at once. Either way the store is whole and `longcap run`
goes on from it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """The run was told to stop and did not drain in time."""


class Interrupt:
    """Whether a stop was asked for. `on_request` is called once, from the signal's handler."""

    def __init__(self, on_request: Callable[[str], None], drain_s: float) -> None:
        self.requested = False
        self._on_request = on_request
        self._drain_s = drain_s

    def handle(self, number: int, _frame: FrameType | None = None) -> None:
        if self.requested:
            raise Interrupted
        self.requested = True
        self._on_request(signal.Signals(number).name)
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self._too_late)
            signal.setitimer(signal.ITIMER_REAL, max(self._drain_s, 0.001))  # 0 would never go off

    def _too_late(self, _number: int, _frame: FrameType | None = None) -> None:
        raise Interrupted


@contextmanager
def interruptible(interrupt: Interrupt) -> Iterator[None]:
    """Hand SIGINT and SIGTERM to `interrupt` inside the block. Off the main thread signals stay as they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = (signal.SIGINT, signal.SIGTERM)
    alarm = (signal.SIGALRM,) if hasattr(signal, "setitimer") else ()
    before = {number: signal.getsignal(number) for number in (*ours, *alarm)}
    for number in ours:
        signal.signal(number, interrupt.handle)
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        for number, handler in before.items():
            signal.signal(number, handler)
