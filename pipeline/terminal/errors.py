"""Errors with which a command ends, apart from bugs. The command line turns them into exit codes."""

from __future__ import annotations

from operators.core.addresses import redacted_text
from operators.core.text import printable


class OneLine(BaseException):
    """An error whose message is complete; a notebook shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:  # called by IPython
        return [f"{type(self).__name__}: {printable(line)}" for line in str(self).split("\n")]


class UsageError(OneLine, ValueError):
    """The request cannot be carried out; one line says what, where, and what is allowed. Exit code 2.

    Secrets in URLs are removed from the message.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted_text(message))


class RunFailed(OneLine, RuntimeError):  # raised for a failed run; a bug is any other error
    """The run ended without the expected result, such as with too many failed videos. Exit code 1.

    Secrets in URLs are removed from the message.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted_text(message))


class Stopped(OneLine, KeyboardInterrupt):
    """A run in a notebook or script was interrupted and has drained; the message says how far it got."""
