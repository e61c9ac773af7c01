"""The two ways in which a command ends badly, apart from bugs. The command line turns them into exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from operators.addresses import redacted_text


class UsageError(ValueError):
    """The user asked for something that cannot be done: one line that says what, where, and what is allowed. Exit 2.

    Secrets of the URLs in the message are removed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted_text(message))


class RunFailed(RuntimeError):  # a run that failed, not a fault in running
    """The job ran and did not do what it was to do, such as too many failed videos. Exit 1.

    Secrets of the URLs in the message are removed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted_text(message))


def nearest(word: str, known: Iterable[str]) -> str:
    """The tail of "X is not known": `"; did you mean Y?"` for the known word most like `word`, `"."` where none is."""
    names = list(known)
    by_case = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), by_case, n=1, cutoff=0.6)
    return f"; did you mean {by_case[close[0]]}?" if close else "."
