"""Who enters the engine next: a request enters when there is room, not when a batch is full.

Room is little more than the engine runs at once, so that waiting requests hold bytes and no decoded pictures, and so
that those on which others wait (a window's caption is in the next window's prompt) overtake those on which none does
(frames).
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

PRIORITY = {"window": 0, "section": 0, "repair": 0, "outline": 0, "video": 1, "digest": 1, "names": 1, "frame": 2}
"""Request kind -> lower enters first."""
_OTHER = 1  # a kind that Longcap's own operators do not use: after what others wait for, before single frames


def priority_of(kind: str) -> int:
    """The priority of a request of any kind."""
    return PRIORITY.get(kind, _OTHER)


class Admission:
    """Lets at most `room` in at once, by priority and then by arrival. For one event loop.

    Args:
        room: at least 1.
    """

    def __init__(self, room: int) -> None:
        if room < 1:
            raise ValueError(f"room is {room}; it must be at least 1")
        self._room = room
        self._inside = 0
        self._occupied_since = time.monotonic()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = count()

    @property
    def inside(self) -> int:
        """How many are in."""
        return self._inside

    @property
    def occupied_since(self) -> float:
        """When the first of those who are in came to an empty engine, by the monotonic clock."""
        return self._occupied_since

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(not future.done() for _, _, future in self._waiting)

    @asynccontextmanager
    async def enter(self, priority: int) -> AsyncIterator[None]:
        """Wait for room; leave it on exit, however that comes."""
        if self._inside < self._room:
            if not self._inside:
                self._occupied_since = time.monotonic()
            self._inside += 1
        else:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (priority, next(self._number), place))
            try:
                await place  # whoever leaves hands its room over
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._leave()
                raise
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        while self._waiting:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._inside -= 1
