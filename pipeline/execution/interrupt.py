"""Handling of Ctrl-C and SIGTERM: drain the run, and end it if it does not drain in time.

After the first signal, work in flight is finished and committed, and no new work is started. A second signal, or the
end of the time for draining (clusters give 30 s), ends the run immediately. In both cases the store is consistent and
`longcap run` resumes from it. A signal within half a second of the one before is the same request delivered twice:
`timeout` and some job systems signal the process and its group.

On the command line, an immediate end kills the process and all processes that it started. In a notebook it raises an
exception. Python raises it wherever the main thread is, often inside of Ray, where it may be converted to another
exception or logged; callers must therefore also check `Interrupt.over`.
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
from typing import Any, NoReturn

from cluster.alive import end_children
from cluster.exit_code import log_exit_code

EXIT_CODE = 130
REPEAT_S = 0.5
_EXIT_S = 2.0
_process_is_ours = False


class Interrupted(Exception):
    """The run was asked to stop and did not drain in time."""


class Interrupt:
    """The state of a stop request.

    Args:
        on_request: called once, from the handler of the first signal, with the signal's name.
        drain_s: time limit for draining in seconds.
        on_exit: called before the process is killed, with a time limit of two seconds.

    Attributes:
        requested: whether a stop was requested.
        over: whether the run must end without draining any further.
    """

    def __init__(
        self, on_request: Callable[[str], None], drain_s: float, on_exit: Callable[[], None] = lambda: None
    ) -> None:
        self.requested = False
        self.over = False
        self._on_request = on_request
        self._on_exit = on_exit
        self._drain_s = drain_s
        self._asked_at = 0.0
        self._alarm: tuple[float, float] | None = None  # what the process's own timer had left; None: not replaced
        self._alarm_handler: Any = None
        self._armed_at = 0.0

    def handle(self, number: int, _frame: FrameType | None = None) -> None:
        if self.requested:
            if time.monotonic() - self._asked_at < REPEAT_S:
                return
            self.over = True
            if _process_is_ours:
                _end_process(signal.Signals(number).name, self._on_exit)
            raise Interrupted
        self.requested, self._asked_at = True, time.monotonic()
        self._on_request(signal.Signals(number).name)
        self._asked_at = time.monotonic()  # a repeat that waited for this handler comes now
        if hasattr(signal, "setitimer"):
            self._alarm_handler = signal.signal(signal.SIGALRM, self._too_late)
            self._armed_at = time.monotonic()
            self._alarm = signal.setitimer(signal.ITIMER_REAL, max(self._drain_s, 0.001))  # 0 would never go off

    def disarm(self) -> None:
        """Stop the time limit for draining, and let the process's own timer go on.

        A process has one such timer, which scripts and pytest-timeout use. It is untouched unless a signal came; one
        that was due meanwhile goes off now.
        """
        if self._alarm is None:
            return
        (left_s, every_s), self._alarm = self._alarm, None
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        if self._alarm_handler is not None:  # None: it was not set from Python
            signal.signal(signal.SIGALRM, self._alarm_handler)
        if left_s:
            left_s = max(left_s - (time.monotonic() - self._armed_at), 0.001)
            signal.setitimer(signal.ITIMER_REAL, left_s, every_s)

    def _too_late(self, _number: int, _frame: FrameType | None = None) -> None:
        self.over = True
        raise Interrupted


def own_process() -> None:
    """Declare that this process is the command line's, so that a second signal may end it."""
    global _process_is_ours  # noqa: PLW0603 a fact about the process
    _process_is_ours = True


def _end_process(name: str, on_exit: Callable[[], None]) -> NoReturn:
    """Print one line, kill all descendants of this process, and exit with code 130.

    Ray's own shutdown takes seconds and prints messages when it is interrupted.
    """
    start = "\n" if sys.stderr.isatty() else ""  # below the live line
    moment = f"{start}{time.strftime('%H:%M:%S')}"
    said = f"{moment} {name}: stopped immediately. Committed rows are kept; the same command resumes from there."
    with suppress(OSError):
        os.write(2, f"{said}\n".encode())  # not through sys.stderr: the main thread may be in the middle of a line
    leaving = threading.Thread(target=on_exit, daemon=True)
    leaving.start()
    end_children()
    leaving.join(_EXIT_S)
    log_exit_code(EXIT_CODE)
    os._exit(EXIT_CODE)


@contextmanager
def interruptible(interrupt: Interrupt) -> Iterator[None]:
    """Pass SIGINT and SIGTERM to `interrupt` within the block. In other threads than the main one it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, interrupt.handle) for number in ours}
    try:
        yield
    finally:
        interrupt.disarm()
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
