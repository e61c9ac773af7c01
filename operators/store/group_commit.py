"""Group commit: one commit for the rows of many callers, each of which returns when its rows are durable.

A commit is made when enough rows are waiting, all possible callers are waiting, no more rows will come, an urgent row
is waiting, or the oldest row has waited long enough. This waiting time grows with the writer's age up to `flush_s`: a
short job gets answers quickly, and a long one makes few large commits, so that its table stays fast to read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_SHARE = 1 / 20  # waiting time of a row as a share of the writer's age, which limits the work lost when it is killed


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """The rules for making a commit.

    Attributes:
        size: number of items that are sufficient for a commit.
        callers: maximum number of simultaneous calls; if all are waiting, no more items can be added.
        expected: total number of items that will come, without repetitions; after the last one there is no waiting.
            None if unknown.
        flush_s: maximum waiting time of an item in seconds; 0 commits immediately.
    """

    size: int = 1
    callers: int = 1
    expected: int | None = None
    flush_s: float = 0.0


class GroupCommit(Generic[Item, Result]):
    """Shares one `commit(items) -> results` among threads; `results[i]` are the answers to `items[i]`.

    Args:
        commit: called by one thread at a time.
        grouping: the rules for calling it.
        urgent: whether an item must not wait.
    """

    def __init__(
        self,
        commit: Callable[[list[Item]], list[list[Result]]],
        grouping: Grouping | None = None,
        urgent: Callable[[Item], bool] = lambda _: False,
    ) -> None:
        self._commit = commit
        self._grouping = grouping or Grouping()
        self._urgent = urgent
        self._turn = threading.Condition()
        self._committing = False
        self._waiting: list[_Call[Any, Any]] = []
        self._came = 0
        self._born = time.monotonic()

    def __call__(self, items: Sequence[Item]) -> list[Result]:
        """Return when `items` are durable; raise the exception of the commit that contained them."""
        call: _Call[Item, Result] = _Call(list(items), any(map(self._urgent, items)))
        with self._turn:
            self._waiting.append(call)
            self._came += len(call.items)
            self._turn.notify_all()
            calls = self._wait(call)
        if calls:
            self._lead(calls)
        if call.error is not None:
            raise call.error
        return call.results

    def _wait(self, call: _Call[Item, Result]) -> list[_Call[Item, Result]]:
        """Wait until `call` is answered, or until its caller must commit the returned items."""
        while not call.answered:
            left = None if self._committing else self._due_in()
            if left is not None and left <= 0:
                calls, self._waiting = self._waiting, []
                self._committing = True
                return calls
            self._turn.wait(left)
        return []

    def _due_in(self) -> float:
        """Seconds until the waiting items must be committed."""
        how, calls = self._grouping, self._waiting
        if (
            len(calls) >= how.callers > 1
            or sum(len(c.items) for c in calls) >= how.size > 1
            or (how.expected is not None and self._came >= how.expected)
            or any(c.urgent for c in calls)
        ):
            return 0.0
        now = time.monotonic()
        patience = min(how.flush_s, (now - self._born) * _SHARE)
        return calls[0].at + patience - now

    def _lead(self, calls: list[_Call[Item, Result]]) -> None:
        error: BaseException | None = None
        results: list[list[Result]] = []
        try:
            results = self._commit([item for call in calls for item in call.items])
        except BaseException as failed:  # including interrupts: other callers must not return as if it had succeeded
            error = failed
        at = 0
        with self._turn:
            for call in calls:
                call.error = error
                call.results = [answer for answers in results[at : at + len(call.items)] for answer in answers]
                at += len(call.items)
                call.answered = True
            self._committing = False
            self._turn.notify_all()


class _Call(Generic[Item, Result]):
    def __init__(self, items: list[Item], urgent: bool) -> None:
        self.items = items
        self.urgent = urgent
        self.at = time.monotonic()
        self.results: list[Result] = []
        self.error: BaseException | None = None
        self.answered = False
