"""Group commit: many callers, one commit, and nobody returns before his rows are durable.

The first caller leads: he takes all that waits, commits it, and wakes the others; who comes while a commit is under way
waits for the next. So a busy writer makes few large commits and an idle one answers at once, without a timer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Shares one `commit(items) -> results` among threads; `results[i]` is all that `items[i]` is answered with."""

    def __init__(self, commit: Callable[[list[Item]], list[list[Result]]]) -> None:
        self._commit = commit
        self._turn = threading.Lock()  # held by whoever commits
        self._guard = threading.Lock()
        self._waiting: list[_Call[Item, Result]] = []

    def __call__(self, items: Sequence[Item]) -> list[Result]:
        """Returns when `items` are durable; raises what the commit that held them raised."""
        call: _Call[Item, Result] = _Call(list(items))
        with self._guard:
            self._waiting.append(call)
        with self._turn:
            if not call.settled:
                self._lead()
        if call.error is not None:
            raise call.error
        return call.results

    def _lead(self) -> None:
        with self._guard:
            calls, self._waiting = self._waiting, []
        try:
            results = self._commit([item for call in calls for item in call.items])
        except BaseException as error:  # an interrupt, too: who shares this commit must not return as if it were done
            for call in calls:
                call.error, call.settled = error, True
            return
        at = 0
        for call in calls:
            call.results = [answer for answers in results[at : at + len(call.items)] for answer in answers]
            at += len(call.items)
            call.settled = True


class _Call(Generic[Item, Result]):
    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.results: list[Result] = []
        self.error: BaseException | None = None
        self.settled = False
