"""Rate limits: no more than so many requests, and so many tokens, within any 60 seconds.

A sliding window rather than a bucket that refills: a bucket lets through up to twice its size within a minute, and
vendors count.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

WINDOW_S = 60.0
_NAP_S = 1.0  # longest sleep before looking again: an answer shorter than was feared makes room earlier


class Clock:
    """Time and waiting, so that tests need not wait."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Admission:
    """One request that was let through.

    Attributes:
        until_s: when it no longer counts.
        tokens: what it counts for.
    """

    until_s: float
    tokens: int


class Limiter:
    """Lets requests through in the order in which they ask. For one event loop.

    Args:
        requests, tokens: the most in any 60 s; None: no limit.
    """

    def __init__(self, *, requests: int | None, tokens: int | None, clock: Clock) -> None:
        self._requests, self._tokens, self._clock = requests, tokens, clock
        self._counted: deque[Admission] = deque()
        self._sum = 0
        self._closed_until_s = clock.now()
        self._turn = asyncio.Lock()

    async def enter(self, tokens: int) -> Admission:
        """Wait until a request of about so many tokens may start.

        One of more than the whole limit starts when nothing else counts: refused for ever, nobody would learn that the
        guess was too high.
        """
        async with self._turn:
            while (wait := self.wait_s(tokens)) > 0:
                await self._clock.sleep(min(wait, _NAP_S))
            admission = Admission(self._clock.now() + WINDOW_S, tokens)
            if self._requests is not None or self._tokens is not None:
                self._counted.append(admission)
                self._sum += tokens
            return admission

    def wait_s(self, tokens: int) -> float:
        """Seconds until a request of so many tokens may start; at most 0: now."""
        now = self._clock.now()
        while self._counted and self._counted[0].until_s <= now:
            self._sum -= self._counted.popleft().tokens
        until = self._closed_until_s
        if self._requests is not None and len(self._counted) >= self._requests:
            until = max(until, self._counted[-self._requests].until_s)
        if self._tokens is not None:
            left = self._sum
            for admission in self._counted:
                if left + min(tokens, self._tokens) <= self._tokens:
                    break
                left -= admission.tokens
                until = max(until, admission.until_s)
        return until - now

    def settle(self, admission: Admission, tokens: int) -> None:
        """The request took `tokens`, not what was guessed."""
        if self._counted and admission.until_s >= self._counted[0].until_s:  # else it counts no more
            self._sum += tokens - admission.tokens
        admission.tokens = tokens

    def close_for(self, seconds: float) -> None:
        """Nothing starts for so long: the server has asked for it, and its limit holds for all requests."""
        self._closed_until_s = max(self._closed_until_s, self._clock.now() + seconds)
