"""Retries around storage: bounded, with growing pauses, and none where another try cannot help."""

from __future__ import annotations

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
    wait_random_exponential,
)

from operators.core.base import ItemError
from operators.core.causes import cause_of, explained, one_line

_TRIES = 5  # delta-rs has asked storage several times itself by the time that it gives one of them up
_PAUSE_S = 0.5  # before the second try, doubled before each one after it
_CONFLICT_S = 600.0  # every conflict is another writer's commit that landed, so that all of them get on
_CONFLICT_PAUSE_S = 0.02  # the upper limit of the first pause; random, or writers that met once meet again and again
_CONFLICT_MOST_S = 5.0
FAILURES = (OSError, DeltaError, pa.ArrowException)
"""What reading or writing a table raises where its storage fails; a damaged parquet file is an `ArrowInvalid`."""


def patiently(action: Callable[[], Any], uri: str) -> Any:
    """Return what `action` returns, repeating it where storage fails. `action` must be repeatable.

    Raises:
        ItemError: class `storage`, in one line: another try is of no use, or the last one failed as well.
        CommitFailedError: a commit met another one.
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


def until_committed(action: Callable[[], Any], uri: str) -> None:
    """Repeat `action`, which looks at a table anew and commits, while other writers' commits get in first.

    Raises:
        ItemError: class `storage`: as for `patiently`, or every commit of ten minutes met another one.
    """
    tries = Retrying(
        retry=retry_if_exception_type(CommitFailedError),
        stop=stop_after_delay(_CONFLICT_S),
        wait=wait_random_exponential(multiplier=_CONFLICT_PAUSE_S, max=_CONFLICT_MOST_S),
        sleep=_sleep,
        reraise=True,
    )
    try:
        tries(patiently, action, uri)
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
