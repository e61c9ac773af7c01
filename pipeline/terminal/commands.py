"""Command lines that are shown for the user to copy."""

from __future__ import annotations

import shlex


def longcap(*words: object) -> str:
    """Return `longcap` and these words as one line, quoted for a POSIX shell."""
    return shlex.join(["longcap", *map(str, words)])
