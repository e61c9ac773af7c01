"""Retries of storage operations: bounded, with growing pauses, and only if a retry may help."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from deltalake.exceptions import CommitFailedError, DeltaError
from tenacity import (
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
)

from operators.core.base import ItemError
from operators.core.causes import cause_of, explained, one_line

_TRIES = 5  # delta-rs itself has already retried several times when one of these attempts fails
_PAUSE_S = 0.5  # before the second try, doubled before each one after it
_CONFLICT_S = 600.0  # every conflict is another writer's commit that landed, so that all of them get on
# limits of a pause's upper limit; a pause is random, because writers that conflicted once would conflict again
_CONFLICT_LEAST_S = 0.02
_CONFLICT_MOST_S = 5.0
FAILURES = (OSError, DeltaError, pa.ArrowException)
"""Exceptions of table operations when storage fails; a damaged parquet file raises `ArrowInvalid`."""


def patiently(action: Callable[[], Any], uri: str) -> Any:
    """Call `action`, which must be repeatable, and retry it if storage fails.

    Raises:
        ItemError: class `storage`: a retry cannot help, or the last attempt failed; one line.
        CommitFailedError: a commit conflicted with another one.
    """
    tries = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(multiplier=_PAUSE_S),
        sleep=_sleep,
        reraise=True,
    )
    try:
        return tries(action)
    except CommitFailedError:
        raise
    except FAILURES as failed:
        if not _is_storages(failed):
            raise
        raise ItemError("storage", f"{uri}: {explained(failed)}") from failed


class Pace:
    """How long a writer of a table waits after it has met another one's commit.

    Doubled with each conflict and halved with each commit that lands, from one commit to the next: the writers of a
    table come to about the same pauses, the longer the more they are, and one that has waited for long is not always
    overtaken by those that have just come.
    """

    def __init__(self) -> None:
        self._most_s = _CONFLICT_LEAST_S / 2

    def pause_s(self) -> float:
        """Seconds to the next try."""
        self._most_s = min(2 * self._most_s, _CONFLICT_MOST_S)
        return random.uniform(0.0, self._most_s)

    def landed(self) -> None:
        """Note that a commit was made."""
        self._most_s = max(self._most_s / 2, _CONFLICT_LEAST_S / 2)


def until_committed(action: Callable[[], Any], uri: str, pace: Pace) -> None:
    """Repeat `action`, which looks at a table anew and commits, while other writers' commits get in first.

    Args:
        pace: of this writer in this table.

    Raises:
        ItemError: class `storage`: as for `patiently`, or every commit of ten minutes met another one.
    """
    tries = Retrying(
        retry=retry_if_exception_type(CommitFailedError),
        stop=stop_after_delay(_CONFLICT_S),
        wait=lambda _: pace.pause_s(),
        sleep=_sleep,
        reraise=True,
    )
    try:
        tries(patiently, action, uri)
        pace.landed()
    except CommitFailedError as error:
        raise ItemError(
            "storage", f"{uri}: for {_CONFLICT_S:g} s every commit met another writer's: {one_line(error)}"
        ) from error


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _may_pass(error: BaseException) -> bool:
    """Whether another try may succeed; a file that compaction has just replaced reads as a failure, too."""
    if isinstance(error, CommitFailedError) or not isinstance(error, FAILURES) or not _is_storages(error):
        return False
    cause = cause_of(error)
    return cause is None or not cause.lasting


def _is_storages(error: Exception) -> bool:
    """Whether it is storage that failed, rather than our own code, as with a column of another type."""
    return not isinstance(error, pa.ArrowException) or isinstance(error, OSError) or cause_of(error) is not None
