"""Command lines that are shown to be copied."""

from __future__ import annotations

import shlex


def longcap(*words: object) -> str:
    """`longcap` and these words as one line that a POSIX shell reads back as they are."""
    return shlex.join(["longcap", *map(str, words)])
