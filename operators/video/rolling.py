"""Rolling captions, which repeat the line above a new one: each line once, at the time of its own cue.

YouTube's automatic captions and roll-up captions of television are written so. Each cue has the last line of the one
before and a new one; between two of them YouTube writes a cue of 10 ms with the old line alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Timed = tuple[float, float, list[str]]
"""Start and end of a cue in seconds, and its lines without markup."""

_MOST = 0.5  # share of the cues that go on from the one before in rolling captions
_FEW = 2  # cues that do so at the least


def unrolled(cues: Sequence[Timed]) -> list[Timed]:
    """The cues without lines that stood in the one before, if most of them begin so; else as they are.

    Args:
        cues: in file order.
    """
    kept = [0, *(_repeated(before[2], cue[2]) for before, cue in pairwise(cues))]
    rolling = sum(n > 0 for n in kept)
    grows = sum(0 < n < len(cue[2]) for n, cue in zip(kept, cues, strict=False))
    if grows < _FEW or rolling <= _MOST * (len(cues) - 1):
        return list(cues)
    return [(start, end, lines[n:]) for (start, end, lines), n in zip(cues, kept, strict=True) if lines[n:]]


def _repeated(before: Sequence[str], lines: Sequence[str]) -> int:
    """How many lines a cue has in common with the end of the one before."""
    most = min(len(before), len(lines))
    return next((n for n in range(most, 0, -1) if list(before[-n:]) == list(lines[:n])), 0)
