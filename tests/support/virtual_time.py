"""An event loop in which sleeping takes no time: its clock jumps to the next timer when nothing else can run."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For coroutines that wait for each other and for `asyncio.sleep`, not for threads, sockets or processes.

    Equal programs run equally, whatever the load of the machine. `time()` starts at 0.
    """

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now_s


class _Jumps(selectors.SelectSelector):
    """Moves the clock to the next timer where an ordinary loop would block."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("deadlock: all coroutines wait and no timer is set")
        self.now_s += max(0.0, timeout)
        return super().select(0)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `asyncio.run` in virtual time; a deadlock raises `RuntimeError`."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
