"""Admission of requests to the engine, by priority, as soon as it has room.

The engine admits few more requests than it runs simultaneously. Waiting requests therefore hold encoded bytes instead
of decoded frames, and requests on which others depend (a window's caption is part of the next window's prompt) overtake
those on which none do (frames).
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

PRIORITY = {"window": 0, "section": 0, "repair": 0, "outline": 0, "video": 1, "digest": 1, "names": 1, "frame": 2}
"""Request kind -> priority; requests with lower values are admitted first."""
_OTHER = 1  # kinds of other operators: after requests on which others depend, before single frames


def priority_of(kind: str) -> int:
    """The priority of a request of any kind."""
    return PRIORITY.get(kind, _OTHER)


class Admission:
    """Admits at most `room` requests simultaneously, by priority and then by arrival. For use on one event loop.

    Args:
        room: maximum number of admitted requests, at least 1.
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
        """Number of admitted requests."""
        return self._inside

    @property
    def occupied_since(self) -> float:
        """Time since which the engine has had at least one request, by the monotonic clock."""
        return self._occupied_since

    @property
    def waiting(self) -> int:
        """Number of waiting requests."""
        return sum(not future.done() for _, _, future in self._waiting)

    @asynccontextmanager
    async def enter(self, priority: int) -> AsyncIterator[None]:
        """Wait until admitted; on exit the room is released."""
        if self._inside < self._room:
            if not self._inside:
                self._occupied_since = time.monotonic()
            self._inside += 1
        else:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (priority, next(self._number), place))
            try:
                await place  # a request that leaves hands its room over
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
