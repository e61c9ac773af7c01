"""A video in parts: stretches of one file that have a clock of their own, in the order in which they are shown.

Recordings that were joined with `cat`, clocks that jump, and pauses of hours make a file whose time stamps do not go
on. Each part is opened as an input of its own, and one timeline leads through all of them. `probe` finds the parts
once; they travel as JSON in the column `parts` to whatever decodes.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import astuple, dataclass

MAX_PARTS = 2000  # each is opened and decoded to its first picture when the file is probed


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        start_s: its place on the timeline, seconds from the first presented picture of the video.
        length_s: how long it is.
        first_pts_s: on its own clock, the pts at `start_s`.
        last_s: where its last picture begins, seconds from `start_s`.
        from_byte, to_byte: the bytes of the file that it is opened from; None: the whole file.
        lead_bytes: its first bytes are of the part before, and are decoded only for what the pictures refer to.
        format: FFmpeg's name of the format to open it as; "": what its content looks like.
        decodes: False: no frame of it decodes, and all of its time is missing.
    """

    start_s: float
    length_s: float
    first_pts_s: float
    last_s: float
    from_byte: int | None = None
    to_byte: int | None = None
    lead_bytes: int = 0
    format: str = ""
    decodes: bool = True

    @property
    def end_s(self) -> float:
        return self.start_s + self.length_s

    @property
    def span(self) -> tuple[int, int] | None:
        """The bytes that it is opened from; None: the whole file."""
        return None if self.from_byte is None or self.to_byte is None else (self.from_byte, self.to_byte)


def dump_parts(parts: Sequence[Part]) -> str | None:
    """The column `parts`: JSON, one list of values a part; None for a video that is one part."""
    return json.dumps([astuple(part) for part in parts]) if parts else None


def load_parts(column: str | None) -> tuple[Part, ...]:
    """The parts in a column `parts`; none for a video that is one part."""
    return tuple(Part(*values) for values in json.loads(column)) if column else ()


def cut_parts(column: str | None, start_s: float, end_s: float) -> str | None:
    """Those parts of the column that `[start_s, end_s)` touches, and one on each side.

    A segment carries only these: a recording of a thousand parts would else travel a thousand times.
    """
    if not column:
        return None
    parts = load_parts(column)
    starts = [part.start_s for part in parts]
    first, last = bisect_right(starts, start_s) - 1, bisect_right(starts, end_s)
    return dump_parts(parts[max(0, first - 1) : last + 1])
