"""The cause of a failed graph on one line; Ray wraps the exception of an actor three times."""

from __future__ import annotations

import re

from operators.core.causes import shortened
from operators.engines.base import EngineRefused

_RAISED = re.compile(r"^(?!ray\.)(?:[A-Za-z_]\w*\.)*(?P<name>[A-Z]\w*): (?P<said>.+)$")


_REFUSED = re.compile(r"EngineRefused: (?:engine: )?(?P<said>.+)")


def refusal_in(error: BaseException) -> str | None:
    """The reason why an engine cannot boot, if that is the root cause of an exception chain; else None."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, EngineRefused):
            return seen.message
        if found := _REFUSED.search(str(seen)):
            return found["said"].strip()
        seen = getattr(seen, "cause", None) or seen.__cause__
    return None


def root_of(error: BaseException) -> str:
    """The root cause of an exception chain on one line; Ray wraps the exception of an actor three times.

    The innermost exception may be empty, or contain the traceback of another process as text, followed by advice of
    Ray. In that case the last line that names an error is used.
    """
    chain = [error]
    while (inner := getattr(chain[-1], "cause", None) or chain[-1].__cause__) is not None:
        chain.append(inner)
    said = [type(error).__name__]
    for found in reversed(chain):
        lines = [line.strip() for line in str(found).splitlines() if line.strip()]
        if len(lines) == 1:
            return shortened(f"{type(found).__name__}: {lines[0]}", 400)
        if raised := [match for line in lines if (match := _RAISED.match(line))]:
            return shortened(f"{raised[-1]['name']}: {raised[-1]['said']}", 400)
        said += lines[-1:]
    return shortened(said[-1], 400)
