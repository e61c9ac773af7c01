"""Text drawn into frames at known times: static, scrolling up or sideways, and subtitles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, ImageFont

SIZE = (960, 540)
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


@dataclass(frozen=True)
class Painted:
    """A line that is shown in `[start_s, end_s)`.

    Attributes:
        at: its upper left corner in pixels at start_s; x is None for centred text.
        speed: pixels per second to the right and down.
    """

    text: str
    start_s: float
    end_s: float
    at: tuple[int | None, int]
    speed: tuple[float, float] = (0.0, 0.0)
    size: int = 28


def frame(lines: Sequence[Painted], time_s: float, *, ground: str = "midnightblue", ink: str = "white") -> bytes:
    """Return the frame at a time as JPEG."""
    image = Image.new("RGB", SIZE, ground)
    draw = ImageDraw.Draw(image)
    for line in lines:
        if line.start_s <= time_s < line.end_s:
            font = ImageFont.truetype(FONT, line.size)
            gone = time_s - line.start_s
            x = (SIZE[0] - draw.textlength(line.text, font=font)) / 2 if line.at[0] is None else line.at[0]
            draw.text((x + gone * line.speed[0], line.at[1] + gone * line.speed[1]), line.text, font=font, fill=ink)
    file = BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def segment(lines: Sequence[Painted], length_s: float, *, step_s: float = 1.0, start_s: float = 0.0) -> dict[str, Any]:
    """Return a decoded row of a segment of such frames."""
    times = [start_s + k * step_s for k in range(round(length_s / step_s))]
    images = [{"time_s": t, "pts_s": t, "until_s": t + step_s, "jpeg": frame(lines, t)} for t in times]
    end_s = start_s + length_s
    return {"images": images, "start_s": start_s, "end_s": end_s, "decode_start_s": start_s, "decode_end_s": end_s}
