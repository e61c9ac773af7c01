"""Ctrl-C and SIGTERM: ask the run to drain, and end it when it does not.

The first signal lets what is under way be finished and committed; nothing new is begun. A second one, or the end of the
time that draining may take (clusters give 30 s), ends the run at once. Either way the store is whole and `longcap run`
goes on from it.

Ending at once means, for the command line, to end the process and all that it started. Elsewhere (a notebook) it means
an exception. Python raises it wherever the main thread is, often inside of Ray: it may come out as another exception,
or be logged by Ray, so whoever catches looks at `Interrupt.over` as well.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from cluster.alive import end_children
from cluster.exit_code import tell

EXIT_CODE = 130
_EXIT_S = 2.0
_process_is_ours = False


class Interrupted(Exception):
    """The run was told to stop and did not drain in time."""


class Interrupt:
    """Whether a stop was asked for.

    Args:
        on_request: called once, from the handler of the first signal, with the signal's name.
        drain_s: seconds that draining may take.
        on_exit: called before the process is ended at once; it gets two seconds.

    Attributes:
        requested: a stop was asked for.
        over: the run is to end without draining any further.
    """

    def __init__(
        self, on_request: Callable[[str], None], drain_s: float, on_exit: Callable[[], None] = lambda: None
    ) -> None:
        self.requested = False
        self.over = False
        self._on_request = on_request
        self._on_exit = on_exit
        self._drain_s = drain_s

    def handle(self, number: int, _frame: FrameType | None = None) -> None:
        if self.requested:
            self.over = True
            if _process_is_ours:
                _end_process(signal.Signals(number).name, self._on_exit)
            raise Interrupted
        self.requested = True
        self._on_request(signal.Signals(number).name)
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self._too_late)
            signal.setitimer(signal.ITIMER_REAL, max(self._drain_s, 0.001))  # 0 would never go off

    def _too_late(self, _number: int, _frame: FrameType | None = None) -> None:
        self.over = True
        raise Interrupted


def own_process() -> None:
    """Say that this process is the command line's: a second signal may end it."""
    global _process_is_ours  # noqa: PLW0603 a fact about the process
    _process_is_ours = True


def _end_process(name: str, on_exit: Callable[[], None]) -> NoReturn:
    """Say one line, end every process below this one, and this one with exit code 130.

    Ray's own way out takes seconds and prints lines of its own when it is interrupted in the middle of something.
    """
    start = "\n" if sys.stderr.isatty() else ""  # below the live line
    moment = f"{start}{time.strftime('%H:%M:%S')}"
    said = f"{moment} {name}: stopped at once. What is committed stays; the same command goes on from there."
    with suppress(OSError):
        os.write(2, f"{said}\n".encode())  # not through sys.stderr: the main thread may be in the middle of a line
    leaving = threading.Thread(target=on_exit, daemon=True)
    leaving.start()
    end_children()
    leaving.join(_EXIT_S)
    tell(EXIT_CODE)
    os._exit(EXIT_CODE)


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
