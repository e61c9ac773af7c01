"""The ways in which a command ends badly, apart from bugs. The command line turns them into exit codes."""

from __future__ import annotations

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
