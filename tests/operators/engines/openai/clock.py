"""Time for tests: it passes by sleeping alone, so that nothing is waited for."""

from __future__ import annotations

import asyncio
import threading

from operators.engines.openai.limiter import Clock


class Virtual(Clock):
    """Remembers each sleep in `slept`, in s."""

    def __init__(self) -> None:
        self.time_s = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time_s += seconds
        await asyncio.sleep(0)


class Held(Virtual):
    """Who sleeps, sleeps on until `go` is set; `asleep` is released for each."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.asleep = threading.Event(), threading.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.asleep.release()
        while not self.go.is_set():
            await asyncio.sleep(0.005)
        await super().sleep(seconds)
