"""Videos in several parts: ranges of one file with separate clocks, in order of presentation.

Recordings joined with `cat`, clocks that jump, and gaps of hours result in discontinuous time stamps. Each part is
opened as a separate input, and one timeline covers all parts. `probe` finds the parts once; they are passed to decoders
as JSON in the column `parts`.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import astuple, dataclass

MAX_PARTS = 2000  # each is opened and decoded to its first frame when the file is probed


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        start_s: its start on the timeline, in seconds from the first presented frame of the video.
        length_s: its duration in seconds.
        first_pts_s: the pts at `start_s` on its own clock, in seconds.
        last_s: start of its last frame, in seconds from `start_s`.
        from_byte, to_byte: its range of bytes in the file; None for the whole file.
        lead_bytes: number of bytes at its beginning that belong to the previous part and are decoded only as
            references.
        format: FFmpeg's name of its format; "" to detect it.
        decodes: whether any frame of it decodes; if not, all of its time is missing.
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
        """Its range of bytes in the file; None for the whole file."""
        return None if self.from_byte is None or self.to_byte is None else (self.from_byte, self.to_byte)


def dump_parts(parts: Sequence[Part]) -> str | None:
    """Encode the column `parts`: JSON, one list of values per part; None for a video with one part."""
    return json.dumps([astuple(part) for part in parts]) if parts else None


def load_parts(column: str | None) -> tuple[Part, ...]:
    """Decode the column `parts`; empty for a video with one part."""
    return tuple(Part(*values) for values in json.loads(column)) if column else ()


def cut_parts(column: str | None, start_s: float, end_s: float) -> str | None:
    """The parts of the column that overlap `[start_s, end_s)`, and one on each side.

    A segment has only these, because a recording with a thousand parts has as many segments.
    """
    if not column:
        return None
    parts = load_parts(column)
    starts = [part.start_s for part in parts]
    first, last = bisect_right(starts, start_s) - 1, bisect_right(starts, end_s)
    return dump_parts(parts[max(0, first - 1) : last + 1])
