"""The ways in which a command ends badly, apart from bugs. The command line turns them into exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from operators.core.addresses import redacted_text
from operators.core.text import printable


class OneLine(BaseException):
    """An error whose message says all that there is to know: a notebook shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        return [f"{type(self).__name__}: {printable(line)}" for line in str(self).split("\n")]


class UsageError(OneLine, ValueError):
    """The user asked for something that cannot be done: one line that says what, where, and what is allowed. Exit 2.

    Secrets of the URLs in the message are removed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted_text(message))


class RunFailed(OneLine, RuntimeError):  # a run that failed, not a fault in running
    """The job ran and did not do what it was to do, such as too many failed videos. Exit 1.

    Secrets of the URLs in the message are removed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted_text(message))


class Stopped(OneLine, KeyboardInterrupt):
    """A run in a notebook or a script was interrupted and has drained; the message says how far it is."""


def nearest(word: str, known: Iterable[str], *, most: int = 1) -> str:
    """The tail of "X is not known": `"; did you mean Y?"` for the `most` known words most like it, `"."` for none."""
    by_case = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_case, n=most, cutoff=0.6)
    return f"; did you mean {' or '.join(by_case[name] for name in close)}?" if close else "."
