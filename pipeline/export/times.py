"""Convert times in a caption to the time of a clip: "at 0:13" of a video is "at 0:03" of a clip that starts at 10 s."""

from __future__ import annotations

import re

_CLOCK = re.compile(r"(?<![\d:.])(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)(?![\d:])")
_NEAR_S = 30.0  # times further outside the clip are not converted; they may be, say, the time on a scoreboard


def on_clip(text: str, start_s: float, end_s: float) -> str:
    """Return the text of the span `[start_s, end_s)` of a video with its times converted to those of a clip of the
    span.

    A time up to 30 s outside the span becomes the start or end of the clip; other times are unchanged.
    """

    def moved(match: re.Match[str]) -> str:
        time_s = int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])
        if not start_s - _NEAR_S <= time_s <= end_s + _NEAR_S:
            return match[0]
        whole = round(min(max(time_s - start_s, 0.0), end_s - start_s))
        minutes = f"{whole // 60 % 60:02d}:{whole % 60:02d}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02d}"
        return f"{whole // 3600}:{minutes}" if whole >= 3600 else minutes

    return _CLOCK.sub(moved, text)
