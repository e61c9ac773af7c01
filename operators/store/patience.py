"""How long storage is waited for: a few tries with growing pauses, none where asking again is of no use."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from deltalake.exceptions import DeltaError

from operators.base import ItemError

_TRIES = 5  # delta-rs has asked storage several times itself by the time that it gives one of them up
_PAUSE_S = 0.5  # before the second try, doubled before each one after it
_LASTING = (  # what storage says where asking again is of no use
    *("no space left", "read-only file system", "permission denied", "nosuchbucket", "expiredtoken"),
    *("invalidaccesskeyid", "signaturedoesnotmatch", "accessdenied", "access denied", "403 forbidden"),
    *("requesttimetooskewed",),
)
_ANSWER = re.compile(r"<Code>([^<]*)</Code>.*?<Message>([^<]*)</Message>", re.DOTALL)  # S3's error document
_TODO = {"requesttimetooskewed": "set this machine's clock"}


def patiently(action: Callable[[], Any], uri: str) -> Any:
    """What `action` gives; storage that does not answer is asked again. It reads, so that it may be done twice."""
    failures = 0
    while True:
        try:
            return action()
        except (
            OSError,
            DeltaError,
        ) as failed:  # a file that compaction and tidying have just replaced reads as one, too
            failures += 1
            pause_or_give_up(failed, failures, uri)


def pause_or_give_up(error: Exception, failures: int, uri: str) -> None:
    """After failure number `failures`: wait a while, or raise `ItemError` of class `storage`, with one plain line."""
    said = one_line(error)
    if failures >= _TRIES or any(word in said.lower() for word in _LASTING):
        raise ItemError("storage", f"{uri}: {said}") from error
    time.sleep(_PAUSE_S * 2 ** (failures - 1))


def one_line(error: Exception | None) -> str:
    """What `error` says as one plain line: delta-rs draws a coloured tree, with the server's own words at its end."""
    said = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())
    if answer := _ANSWER.search(said):
        code, message = answer.groups()
        todo = _TODO.get(code.lower())
        return f"{code}: {message}{f' ({todo})' if todo else ''}"[:300]
    return said[:300]
