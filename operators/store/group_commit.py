"""Group commit: many callers, one commit, and nobody returns before his rows are durable.

Who calls waits until a commit is worth its price: enough rows wait, all who could call do, no more rows will come, one
of them may not wait, or the oldest has waited long enough. "Long enough" grows with the writer's age up to `flush_s`:
a short job answers within moments, and a long one makes few large commits, so that its table stays quick to read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_SHARE = 1 / 20  # of a writer's life that a row may wait: no more than that is lost when it is killed


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """When a commit is made.

    Attributes:
        size: items that are enough.
        callers: calls at once that can be; when so many wait, nobody is left who could add to the commit.
        expected: items that will come in all, repeated ones aside; with the last of them nothing more is waited for.
            None: not known.
        flush_s: seconds that an item waits at most; 0 commits at once.
    """

    size: int = 1
    callers: int = 1
    expected: int | None = None
    flush_s: float = 0.0


class GroupCommit(Generic[Item, Result]):
    """Shares one `commit(items) -> results` among threads; `results[i]` is all that `items[i]` is answered with.

    Args:
        commit: called by one thread at a time.
        grouping: when it is called.
        urgent: whether an item may not wait.
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
        """Returns when `items` are durable; raises what the commit that held them raised."""
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
        """Until `call` was answered, or it falls to its caller to commit what is returned."""
        while not call.answered:
            left = None if self._committing else self._due_in()
            if left is not None and left <= 0:
                calls, self._waiting = self._waiting, []
                self._committing = True
                return calls
            self._turn.wait(left)
        return []

    def _due_in(self) -> float:
        """Seconds until what waits is to be committed."""
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
        except BaseException as failed:  # an interrupt, too: who shares it must not return as if it were done
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
