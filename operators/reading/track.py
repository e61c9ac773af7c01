"""A line of text on screen while it is followed from frame to frame."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from operators.analysis.text import ReadLine

ITEM = pa.struct(
    [
        # on screen in [start_s, end_s), to the step of the frames; of a line that rolls: while half of it can be seen
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("role", pa.string()),  # painted, scrolling, subtitle
        pa.field("confidence", pa.float64()),  # 0 to 1, of the reading that was kept
        pa.field("left", pa.float64()),  # of the box around all of its places, as shares of width and height
        pa.field("top", pa.float64()),
        pa.field("right", pa.float64()),
        pa.field("bottom", pa.float64()),
        pa.field("frames", pa.int32()),  # in which it was read
    ]
)

ASPECT = 16 / 9  # of most frames: widths are shares of a width, heights of a height
_MOVED = 1.5  # heights that a line moves in all, from which on it scrolls


@dataclass
class Track:
    """A line while it is followed."""

    start_s: float
    end_s: float
    readings: list[ReadLine] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)  # number of the frame of each reading
    whole: str = ""  # of a line that enters or leaves at a side: all of it so far
    ran: bool = False  # its beginning has left the frame
    rolls: bool = False  # it moves with the lines that roll up or down around it
    aspect: float = ASPECT  # width of a frame divided by its height

    @property
    def last(self) -> ReadLine:
        return self.readings[-1]

    @property
    def text(self) -> str:
        """The reading that most frames agree on; of equal ones the most confident. Of a ticker all that went by."""
        if self.whole and self.scrolls:
            return self.whole
        counts = Counter(line.text for line in self.readings)
        best: dict[str, float] = {}
        for line in self.readings:
            best[line.text] = max(best.get(line.text, 0.0), line.confidence)
        return max(counts, key=lambda text: (counts[text], best[text], text))

    @property
    def moved(self) -> tuple[float, float]:
        """How far it moved to the right and down, both in shares of the frame's height."""
        first, last = self.readings[0], self.last
        return (last.left - first.left) * self.aspect, middle(last)[1] - middle(first)[1]

    @property
    def scrolls(self) -> bool:
        """Whether it moved on through the frame, rather than trembled."""
        return self.ran or self.rolls or max(map(abs, self.moved)) > _MOVED * height(self.readings[0])

    @property
    def goes_down_or_up(self) -> bool:
        """Whether it moved on from the top to the bottom, or the other way, rather than to a side."""
        right, down = map(abs, self.moved)
        return down > max(right, _MOVED * height(self.readings[0]))

    def item(self, role: str) -> dict[str, Any]:
        """As `ITEM`."""
        text = self.text
        same = [line for line in self.readings if line.text == text]
        return {
            "start_s": self.start_s,
            "end_s": self.end_s,
            "text": text,
            "role": role,
            "confidence": max(line.confidence for line in same or self.readings),
            "left": min(line.left for line in self.readings),
            "top": min(line.top for line in self.readings),
            "right": max(line.right for line in self.readings),
            "bottom": max(line.bottom for line in self.readings),
            "frames": len(self.readings),
        }


def middle(line: ReadLine) -> tuple[float, float]:
    """The middle of its box, as shares of the frame's width and height."""
    return (line.left + line.right) / 2, (line.top + line.bottom) / 2


def height(line: ReadLine) -> float:
    """Height of its box, as a share of the frame's."""
    return max(1e-6, line.bottom - line.top)
