"""How long storage is waited for: a few tries with growing pauses, none where asking again is of no use."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from deltalake.exceptions import DeltaError

from operators.base import ItemError
from operators.causes import cause_of, explained

_TRIES = 5  # delta-rs has asked storage several times itself by the time that it gives one of them up
_PAUSE_S = 0.5  # before the second try, doubled before each one after it
FAILURES = (OSError, DeltaError, pa.ArrowException)
"""What reading or writing a table raises where its storage fails; a damaged parquet file is an `ArrowInvalid`."""


def patiently(action: Callable[[], Any], uri: str) -> Any:
    """What `action` gives; storage that does not answer is asked again. It reads, so that it may be done twice."""
    failures = 0
    while True:
        try:
            return action()
        except FAILURES as failed:  # a file that compaction and tidying have just replaced reads as one, too
            failures += 1
            pause_or_give_up(failed, failures, uri)


def pause_or_give_up(error: Exception, failures: int, uri: str) -> None:
    """After failure number `failures`: wait a while, or raise `ItemError` of class `storage` with one plain line.

    Raises:
        ItemError: asking again is of no use, or was of none.
    """
    cause = cause_of(error)
    if isinstance(error, pa.ArrowException) and not isinstance(error, OSError) and cause is None:
        raise error  # not storage: a fault of ours, such as a column of another type
    if failures >= _TRIES or (cause is not None and cause.lasting):
        raise ItemError("storage", f"{uri}: {explained(error)}") from error
    time.sleep(_PAUSE_S * 2 ** (failures - 1))
